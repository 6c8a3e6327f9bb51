import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/program.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const PAGES = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md', 'k8s', '.github'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(md|ya?ml|sql)$/.test(file));

/** Commands in code spans and in code blocks, without comments, from the name of the command on. */
function commandLines(page: string): string[] {
  const text = read(page);
  const spans = [...text.matchAll(/`lastseen ([a-z][^`]*)`/g)].map(([, line = '']) => line);
  const blocks = [...text.matchAll(/^ *```sh\n(.*?)^ *```/gms)].map(([, block = '']) => block).join('\n');
  const lines = [...blocks.matchAll(/^ *lastseen ([a-z].*)$/gm)].map(([, line = '']) => line);
  const byHand = [...text.matchAll(/by_hand [a-z-]+ ([a-z][^`\n]*)/g)].map(([, line = '']) => line);
  return [...spans, ...lines, ...byHand].map((line) => line.replace(/ #.*| [|&].*/, ''));
}

/** What the program does not know of the line: a command or options. */
function unknownParts(program: Command, line: string): string[] {
  let command = program;
  const options: string[] = [];
  for (const word of line.split(/\s+/)) {
    const option = /^--[a-z-]+/.exec(word)?.[0];
    if (option !== undefined) options.push(option);
    else if (options.length === 0) command = command.commands.find((each) => each.name() === word) ?? command;
  }
  if (command === program) return [line];
  const known = command.options.map(({ long }) => long);
  return options.filter((option) => option !== '--help' && !known.includes(option));
}

describe('commands that pages name', () => {
  it('exist with their options', () => {
    const program = createProgram();
    const unknown = PAGES.filter((page) => page !== 'CHANGELOG.md').flatMap((page) =>
      commandLines(page).flatMap((line) =>
        unknownParts(program, line).map((part) => `${page}: lastseen ${line}: ${part}`),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('are found at all', () => {
    expect(commandLines('docs/operations/usual-questions.md').length).toBeGreaterThan(5);
  });

  it('are scripts of package.json, after `npm run`', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const unknown = PAGES.flatMap((page) =>
      [...read(page).matchAll(/npm run ([a-z:]+)/g)]
        .filter(([, name = '']) => scripts[name] === undefined)
        .map(([, name]) => `${page}: npm run ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});
