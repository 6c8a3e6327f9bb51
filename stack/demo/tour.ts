import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { formatInstant, type Instant, MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { StackError } from '../errors.ts';
import { CLI } from './lastseen-command.ts';

/** One command of the tour. */
export interface Station {
  readonly about: string;
  /** `demo` is `npm run demo --`, `lastseen` is `npm run lastseen --`. */
  readonly script: 'lastseen' | 'demo';
  readonly args: readonly string[];
}

export interface TourOptions {
  readonly asOf: Instant;
  /** A flagged learner. */
  readonly userId: string;
}

/** Six commands that show a day of the product, with the demo's as-of. */
export function tour({ asOf, userId }: TourOptions): readonly Station[] {
  const lastseen = (about: string, ...args: string[]): Station => ({ about, script: 'lastseen', args });
  return [
    lastseen('Is everything as it should be?', 'doctor'),
    lastseen('What did the sweeps decide?', 'sweep', 'runs'),
    lastseen(
      'Who would be flagged the next morning?',
      ...['sweep', '--dry-run', '--as-of', toTheSecond(asOf + MICROS_PER_DAY), '--limit', '5'],
    ),
    lastseen('Why is this learner flagged?', 'explain', userId, '--as-of', toTheSecond(asOf)),
    {
      about: 'The learner comes back: insert a session and watch it arrive.',
      script: 'demo',
      args: ['return', userId],
    },
    lastseen('And now?', 'explain', userId),
  ];
}

const toTheSecond = (instant: Instant) => formatInstant(instant).replace('.000000Z', 'Z');

/** The commands as an operator types them. */
export function tourPage(stations: readonly Station[]): string {
  return stations.map((each, at) => `${at + 1}. ${each.about}\n   ${commandOf(each)}`).join('\n');
}

function commandOf({ script, args }: Station): string {
  return `npm run ${script} -- ${args.map(quoted).join(' ')}`;
}

const quoted = (word: string) => (/^[\w.:+@/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

const DEMO = join(import.meta.dirname, 'cli.ts');

/**
 * Runs the commands one after another, with their output on this terminal.
 *
 * @throws StackError if one of them fails.
 */
export async function runTour(
  stations: readonly Station[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', TERM = 'dumb', NO_COLOR } = process.env;
  // The tables are the point; log lines between them are not.
  const env = {
    PATH,
    HOME,
    TMPDIR,
    TERM,
    ...(NO_COLOR === undefined ? {} : { NO_COLOR }),
    LOG_LEVEL: 'warn',
    ...environment,
  };
  for (const [at, station] of stations.entries()) {
    console.log(`\n${at + 1}/${stations.length}  ${station.about}\n$ ${commandOf(station)}`);
    const script = station.script === 'demo' ? DEMO : CLI;
    const child = spawn(process.execPath, [script, ...station.args], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      signal,
    });
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode, by) => resolve(exitCode ?? by));
    });
    if (code !== 0) throw new StackError(`\`${commandOf(station)}\` ended with ${code}`);
  }
}
