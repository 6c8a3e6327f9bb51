import { type Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { placesOf } from '../../src/cli/completion.ts';
import { createProgram } from '../../src/program.ts';
import { type CliRun, runCli } from '../support/lastseen-cli.ts';
import { logLine } from '../support/machine-format.ts';

/** Every command by its path; the path of the program itself is empty. */
const PLACES = placesOf(createProgram(), []);
const PATHS = PLACES.map(({ path }) => path);

interface Output {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

/** Parses a command line that must end before its command runs. No process is started. */
async function parse(...args: readonly string[]): Promise<Output> {
  const output = { out: '', error: '' };
  const program = createProgram();
  const capture = (command: Command) => {
    command.configureOutput({
      writeOut: (text) => {
        output.out += text;
      },
      writeErr: (text) => {
        output.error += text;
      },
    });
    command.commands.forEach(capture);
  };
  capture(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { ...output, exitCode: error.exitCode };
    throw error;
  }
  throw new Error(`lastseen ${args.join(' ')} was run, not rejected`);
}

/** One line that names what is wrong, and one that points to the help. */
const errorNaming = (what: string) =>
  new RegExp(`^error: [^\\n]*${what.replace(/[.*+?^$()|[\]{}]/g, '\\$&')}[^\\n]*\\n[^\\n]*--help[^\\n]*\\n$`);

describe('the command line', () => {
  it.each(PATHS)('prints the usage with --help: %s %s', async (...path) => {
    const { exitCode, out, error } = await parse(...path.filter(Boolean), '--help');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(out).toContain(`Usage: ${['lastseen', ...path].filter(Boolean).join(' ')}`);
    expect(out.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it.each(PATHS)('rejects an unknown option: %s %s', async (...path) => {
    const { exitCode, error, out } = await parse(...path.filter(Boolean), '--nonsense');
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toMatch(errorNaming('--nonsense'));
  });

  it.each(
    PLACES.flatMap(({ path, options }) =>
      options.filter(({ takesValue }) => takesValue).map(({ word }) => [path.join(' '), word] as const),
    ),
  )('rejects an option without its value: %s %s', async (path, option) => {
    expect((await parse(...path.split(' '), option)).error).toMatch(errorNaming(option));
  });

  it.each([
    ['sweep --limit 0', '--limit'],
    ['sweep --limit 1.5', '--limit'],
    ['sweep --as-of yesterday', '--as-of'],
    ['sweep approve', 'run'],
    ['sweep approve 17', 'run'],
    ['sweep discard last', 'run'],
    ['sweep run', 'run'],
    ['audit --sample -1', '--sample'],
    ['audit --sample few', '--sample'],
    ['audit --sample 1e3', '--sample'],
    ['doctor --watch 0', '--watch'],
    ['audit run', 'run'],
    ['kpi --as-of 2026-02-30', '--as-of'],
    ['kpi --only P,Q', '--only'],
    ['explain', 'user'],
    ['explain ', 'user'],
    ['explain anna ben', 'ben'],
    ['explain anna --as-of 5', '--as-of'],
    ['completion tcsh', 'shell'],
    ['completion', 'shell'],
    ['track now', 'now'],
    ['schemas registre', 'registre'],
    ['swep', 'swep'],
  ])('rejects %s and names %s', async (line, what) => {
    const { exitCode, error } = await parse(...line.split(' '));
    expect(exitCode).toBe(1);
    expect(error.replace(/\(Did you mean .*\n/, '')).toMatch(errorNaming(what));
  });

  it.each([
    ['swep', 'sweep'],
    ['swep --help', 'sweep'],
    ['--help swep', 'sweep'],
    ['help swep', 'sweep'],
    ['nonsense --help', undefined],
    ['sweep run', 'runs'],
    ['sweep run --help', 'runs'],
    ['sweep --limit 5 aprove --help', 'approve'],
    ['sweep help runs', undefined],
    ['sweep nonsense --help', undefined],
    ['audit rusn --help', 'runs'],
    ['dlq redriv', 'redrive'],
    ['dlq redriv --help', 'redrive'],
  ])('rejects the unknown command in %s, and names the nearest: %s', async (line, meant) => {
    const { exitCode, error, out } = await parse(...line.split(' '));
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toMatch(/^error: unknown command/);
    expect(/Did you mean (\w+)/.exec(error)?.[1]).toBe(meant);
  });

  it('prints the help if no command is given', async () => {
    expect(await parse()).toMatchObject({ exitCode: 1, out: '', error: expect.stringContaining('Exit codes:') });
  });
});

/** What needs a process. All are started at once, because each takes about a second. */
describe('a process', () => {
  const DATABASE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  const LINES = {
    unknown: [{}, ['swep']],
    help: [{}, ['sweep', '--help']],
    unknownHelp: [{}, ['nonsense', '--help']],
    unset: [{}, ['audit']],
    invalid: [
      {
        DATABASE_URL: 'mysql://root:canary@db/x',
        KAFKA_BROKERS: 'broker',
        INACTIVITY_THRESHOLD_DAYS: '0',
        MAX_CLOCK_SKEW: '10',
        SOURCES: 'session,sessions',
      },
      ['sweep', '--wait-fresh', 'soon'],
    ],
    incomplete: [{ ...DATABASE, KAFKA_BROKERS: 'h:1' }, ['audit', '--trust-source']],
    unreachable: [DATABASE, ['sweep', 'runs']],
    misspelt: [{ ...DATABASE, INACTIVITY_TRESHOLD_DAYS: '14', KAFKA_SERVICE_HOST: 'h' }, ['sweep', 'runs']],
    misspeltShown: [{ KAFKA_BROKER: 'h:1' }, ['sweep', '--print-config']],
  } as const satisfies Record<string, readonly [Record<string, string>, readonly string[]]>;
  const runs = new Map<keyof typeof LINES, CliRun>();
  beforeAll(async () => {
    const names = Object.keys(LINES) as (keyof typeof LINES)[];
    await Promise.all(
      names.map(async (name) => {
        const [env, args] = LINES[name];
        runs.set(name, await runCli(env, args));
      }),
    );
  }, 60_000);

  it.each([
    ['unknown', 2, [/unknown command 'swep'/, /Did you mean sweep/, /--help/]],
    ['unknownHelp', 2, [/unknown command 'nonsense'/, /--help/]],
    ['unset', 2, [/DATABASE_URL is not set/, /KAFKA_BROKERS is not set/]],
    [
      'invalid',
      2,
      [
        /DATABASE_URL must be a URL such as/,
        /KAFKA_BROKERS must be host:port/,
        /SCHEMA_REGISTRY_URL is not set/,
        /SOURCES has no source sessions/,
        /MAX_CLOCK_SKEW must be a duration/,
        /INACTIVITY_THRESHOLD_DAYS must be whole numbers of days/,
        /WAIT_FRESH must be a duration.*"soon"/,
      ],
    ],
    ['incomplete', 2, [/--trust-source needs --repair/]],
    ['unreachable', 1, [/Postgres \(DATABASE_URL\) is not available/]],
    [
      'misspelt',
      1,
      [
        logLine('setting_misspelt', 'INACTIVITY_TRESHOLD_DAYS', 'INACTIVITY_THRESHOLD_DAYS'),
        /Postgres \(DATABASE_URL\) is not available/,
      ],
    ],
  ] as const)('(%s) exits with %i and prints one line per reason', (name, code, lines) => {
    const { stderr, stdout, ...run } = runs.get(name) as CliRun;
    expect({ code: run.code, stdout }).toEqual({ code, stdout: '' });
    const printed = stderr.trim().split('\n');
    expect(printed).toHaveLength(lines.length);
    for (const line of lines) expect(printed).toContainEqual(expect.stringMatching(line));
    expect(stderr).not.toMatch(/canary|^\s+at /m);
  });

  it('warns of a misspelt setting beside --print-config', () => {
    expect(runs.get('misspeltShown')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^lastseen sweep: KAFKA_BROKER is not a setting.*KAFKA_BROKERS\?\n$/),
    });
  });

  it('exits with 0 after --help', () => {
    expect(runs.get('help')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--dry-run') });
  });

  it('writes no colours if the output is not a terminal', () => {
    for (const { stdout, stderr } of runs.values()) expect(stdout + stderr).not.toContain('\u001b');
  });
});
