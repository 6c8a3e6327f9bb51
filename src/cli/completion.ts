import process from 'node:process';
import { Argument, type Command } from 'commander';
import { type CompletionPlace, SHELLS, type Shell, scriptFor } from './completion-scripts.ts';

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that lets a shell complete commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(lastseen completion bash)
  lastseen completion zsh > "\${fpath[1]}/_lastseen"
  lastseen completion fish > ~/.config/fish/completions/lastseen.fish`,
    )
    .action((shell: Shell) => {
      process.stdout.write(scriptFor(shell, program.name(), placesOf(program, [])));
    });
}

/** What can be typed next, per command. Derived from the commands themselves, so it cannot differ from them. */
export function placesOf(command: Command, path: readonly string[]): readonly CompletionPlace[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const here: CompletionPlace = {
    path,
    words: [
      ...commands.map((each) => ({ word: each.name(), about: each.description() })),
      ...command.registeredArguments.flatMap((each) => (each.argChoices ?? []).map((word) => ({ word, about: '' }))),
    ],
    options: help
      .visibleOptions(command)
      .flatMap((option) =>
        option.long === undefined
          ? []
          : [{ word: option.long, about: option.description, takesValue: option.required }],
      ),
  };
  const below = commands.filter((each) => each.name() !== 'help');
  return [here, ...below.flatMap((each) => placesOf(each, [...path, each.name()]))];
}
