import type { Command } from 'commander';
import { nearest } from '../runtime/nearest.ts';

/**
 * Commander rejects an unknown command, but not if help is requested too, and not below a command that also does something
 * itself, such as `sweep`: there it counts arguments.
 */
export function rejectUnknownCommands(program: Command): void {
  program.addHelpText('beforeAll', ({ command }) => {
    const [word] = command.args.filter((each) => !each.startsWith('-') && each !== 'help');
    const isKnown = command.commands.some((each) => each.name() === word);
    if (word !== undefined && command.commands.length > 0 && !isKnown) rejectCommand(command, word);
    return '';
  });
  for (const command of program.commands.filter(({ commands }) => commands.length > 0)) {
    command.allowExcessArguments().hook('preAction', (_command, action) => {
      const [word] = action.args;
      if (action === command && word !== undefined) rejectCommand(command, word);
    });
  }
}

/** @throws CommanderError that names the nearest subcommand. */
function rejectCommand(command: Command, word: string): never {
  const names = command.commands.map((each) => each.name());
  const meant = names.find((name) => name.startsWith(word)) ?? nearest(word, names, 2);
  command.error(`error: unknown command '${word}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`, {
    code: 'commander.unknownCommand',
  });
}
