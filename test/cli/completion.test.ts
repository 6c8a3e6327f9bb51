import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { placesOf } from '../../src/cli/completion.ts';
import { SHELLS, type Shell, scriptFor } from '../../src/cli/completion-scripts.ts';
import { createProgram } from '../../src/program.ts';

const places = placesOf(createProgram(), []);
const script = (shell: Shell) => scriptFor(shell, 'lastseen', places);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** What bash offers at the end of each line. */
function offered(lines: readonly string[]): readonly (readonly string[])[] {
  const completions = lines.map((line) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    return `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _lastseen; echo "\${COMPREPLY[*]}"`;
  });
  const { stdout, stderr } = spawnSync('bash', ['-c', `${script('bash')}\n${completions.join('\n')}`], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split(' ').filter(Boolean));
}

describe('shell completion', () => {
  it('offers commands, options and choices at their places, and nothing for a value', () => {
    const expected = {
      'lastseen sw': ['sweep'],
      'lastseen sweep a': ['approve'],
      'lastseen sweep --dr': ['--dry-run'],
      'lastseen sweep --dry-run --thr': ['--threshold'],
      'lastseen sweep --threshold ': [],
      'lastseen sweep runs --pr': ['--print-config'],
      'lastseen explain sweep --as': ['--as-of'],
      'lastseen audit --repair --t': ['--trust-source'],
      'lastseen completion ': ['bash', 'zsh', 'fish', '--help'],
      'lastseen nonsense': [],
    };
    expect(offered(Object.keys(expected))).toEqual(Object.values(expected));
  });

  it('offers exactly the subcommands, choices and options of each command in bash', () => {
    expect(places.length).toBeGreaterThan(20);
    expect(offered(places.map(({ path }) => ['lastseen', ...path, ''].join(' ')))).toEqual(
      places.map(({ words, options }) => [...words, ...options].map(({ word }) => word)),
    );
  });

  it.each([
    ['zsh', (path: string, word: string) => [`('${path}') found=(`, `'${word}:`]],
    [
      'fish',
      (path: string, word: string) => [
        `'__lastseen_at \\'${path}\\''`,
        word.replace(/^(--)?/, word.startsWith('--') ? ' -l ' : ' -a '),
      ],
    ],
  ] as const)('offers each option at its own command in %s', (shell, partsOf) => {
    const lines = script(shell).split('\n');
    const missing = places.flatMap(({ path, words, options }) =>
      [...words, ...options]
        .map(({ word }) => partsOf(path.join(' '), word))
        .filter((parts) => !lines.some((line) => parts.every((part) => line.includes(part)))),
    );
    expect(missing).toEqual([]);
  });

  it.each(SHELLS.filter(has))('is a script without syntax errors in %s', (shell) => {
    expect(spawnSync(shell, ['-n'], { input: script(shell), encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('completes the command as README defines and loads it, in a clone', () => {
    const page = readFileSync(`${ROOT}README.md`, 'utf8');
    const definition = /^lastseen\(\) \{.*\}$/m.exec(page)?.[0] ?? 'README defines no function';
    const load = /`(source <\(.* completion bash\))`/.exec(page)?.[1] ?? 'README loads no completion';
    const typed = 'COMP_WORDS=(lastseen sweep a); COMP_CWORD=2; _lastseen; echo "$COMPREPLY"';
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-c', `${definition}\n${load}\ncomplete -p lastseen\n${typed}\nlastseen swep >/dev/null 2>&1; echo $?`],
      { cwd: ROOT, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe('complete -F _lastseen lastseen\napprove\n2\n');
  });
});
