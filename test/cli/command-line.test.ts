import { type Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { placesOf } from '../../src/cli/completion.ts';
import { createProgram } from '../../src/program.ts';
import { type CliRun, runCli } from '../support/lastseen-cli.ts';

/** Every command by what is typed for it, the program itself as nothing. */
const PLACES = placesOf(createProgram(), []);
const PATHS = PLACES.map(({ path }) => path);

interface Said {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

/** What a command line comes to that ends before its command does anything; none of these starts a process. */
async function say(...args: readonly string[]): Promise<Said> {
  const said = { out: '', error: '' };
  const program = createProgram();
  const listen = (command: Command) => {
    command.configureOutput({
      writeOut: (text) => {
        said.out += text;
      },
      writeErr: (text) => {
        said.error += text;
      },
    });
    command.commands.forEach(listen);
  };
  listen(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { ...said, exitCode: error.exitCode };
    throw error;
  }
  throw new Error(`lastseen ${args.join(' ')} went as far as to run`);
}

/** One line that names what is wrong, and one that says where to look. */
const oneLineNaming = (what: string) =>
  new RegExp(`^error: [^\\n]*${what.replace(/[.*+?^$()|[\]{}]/g, '\\$&')}[^\\n]*\\n[^\\n]*--help[^\\n]*\\n$`);

describe('the command line', () => {
  it.each(PATHS)('tells about itself with --help: %s %s', async (...path) => {
    const { exitCode, out, error } = await say(...path.filter(Boolean), '--help');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(out).toContain(`Usage: ${['lastseen', ...path].filter(Boolean).join(' ')}`);
    expect(out.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it.each(PATHS)('refuses an option there is not: %s %s', async (...path) => {
    const { exitCode, error, out } = await say(...path.filter(Boolean), '--nonsense');
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toMatch(oneLineNaming('--nonsense'));
  });

  it.each(
    PLACES.flatMap(({ path, options }) =>
      options.filter(({ takesValue }) => takesValue).map(({ word }) => [path.join(' '), word] as const),
    ),
  )('refuses an option without its value: %s %s', async (path, option) => {
    expect((await say(...path.split(' '), option)).error).toMatch(oneLineNaming(option));
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
    ['audit run', 'run'],
    ['kpi --as-of 2026-02-30', '--as-of'],
    ['kpi --only P,Q', '--only'],
    ['explain', 'user'],
    ['explain anna ben', 'ben'],
    ['explain anna --as-of 5', '--as-of'],
    ['completion tcsh', 'shell'],
    ['completion', 'shell'],
    ['track now', 'now'],
    ['schemas registre', 'registre'],
    ['swep', 'swep'],
  ])('refuses %s, naming %s', async (line, what) => {
    const { exitCode, error } = await say(...line.split(' '));
    expect(exitCode).toBe(1);
    expect(error.replace(/\(Did you mean .*\n/, '')).toMatch(oneLineNaming(what));
  });

  it('shows what there is where nothing is said', async () => {
    expect(await say()).toMatchObject({ exitCode: 1, out: '', error: expect.stringContaining('Exit codes:') });
  });
});

/** What only a process shows; all are started at once, since each takes its time. */
describe('a process', () => {
  const DATABASE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  const LINES = {
    unknown: [{}, ['swep']],
    help: [{}, ['sweep', '--help']],
    unset: [{}, ['audit']],
    mistaken: [
      {
        DATABASE_URL: 'mysql://root:canary@db/x',
        KAFKA_BROKERS: 'broker',
        INACTIVITY_THRESHOLD_DAYS: '0',
        MAX_CLOCK_SKEW: '10',
        SOURCES: 'session,sessions',
      },
      ['sweep', '--wait-fresh', 'soon'],
    ],
    alone: [{ ...DATABASE, KAFKA_BROKERS: 'h:1' }, ['audit', '--trust-source']],
    unreachable: [DATABASE, ['sweep', 'runs']],
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
    ['unset', 2, [/DATABASE_URL is not set/, /KAFKA_BROKERS is not set/]],
    [
      'mistaken',
      2,
      [
        /DATABASE_URL must be a URL such as/,
        /KAFKA_BROKERS must be host:port/,
        /SCHEMA_REGISTRY_URL is not set/,
        /SOURCES knows no sessions/,
        /MAX_CLOCK_SKEW must be a duration/,
        /INACTIVITY_THRESHOLD_DAYS must be whole days/,
        /WAIT_FRESH must be a duration.*"soon"/,
      ],
    ],
    ['alone', 2, [/--trust-source goes with --repair/]],
    ['unreachable', 1, [/Postgres is not available/]],
  ] as const)('that is %s ends with %i and says why, a line each', (name, code, lines) => {
    const { stderr, stdout, ...run } = runs.get(name) as CliRun;
    expect({ code: run.code, stdout }).toEqual({ code, stdout: '' });
    const said = stderr.trim().split('\n');
    expect(said).toHaveLength(lines.length);
    for (const line of lines) expect(said).toContainEqual(expect.stringMatching(line));
    expect(stderr).not.toMatch(/canary|^\s+at /m);
  });

  it('that is asked for help ends with 0', () => {
    expect(runs.get('help')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--dry-run') });
  });

  it('writes no colours where nobody sees them', () => {
    for (const { stdout, stderr } of runs.values()) expect(stdout + stderr).not.toContain('\u001b');
  });
});
