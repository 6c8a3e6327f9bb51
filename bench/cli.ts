import '../src/cli/warnings.ts';
import { Command, InvalidArgumentError } from 'commander';
import { onEndingSignal } from '../stack/ended-by.ts';
import type { Bench } from './bench.ts';
import { FRESHNESS } from './freshness/freshness-bench.ts';
import { GROWTH_BENCHES } from './growth/growth-benches.ts';
import { accept, GUARD, judge } from './guard.ts';
import { openHarness } from './harness.ts';
import { RECOMPUTE } from './recompute/recompute-bench.ts';
import { aboveLimits, markdownPage, page, presentCommit, type Run, resultsOf } from './report.ts';
import { type BenchResult, runRounds } from './rounds.ts';
import { SWEEP } from './sweep/sweep-bench.ts';
import { SWEEP_VERIFY } from './sweep/verify-bench.ts';
import { TRACK_BENCHES } from './track/track-benches.ts';

const BENCHES: readonly Bench[] = [...TRACK_BENCHES, FRESHNESS, SWEEP, SWEEP_VERIFY, RECOMPUTE];
/** Run only if they are named. */
const OTHERS: readonly Bench[] = [...GROWTH_BENCHES, GUARD];
const ALL: readonly Bench[] = [...BENCHES, ...OTHERS];

interface Flags {
  readonly rounds?: number;
  readonly records?: number;
  readonly accept?: true;
  readonly learners?: number;
  readonly sides?: readonly string[];
  readonly json?: true;
  readonly markdown?: true;
  readonly list?: true;
}

function whole(text: string): number {
  const number = Number(text.replaceAll(/[_,]/g, ''));
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return number;
}

/** Adds benches by name or by its first part: `track` selects all that begin with `track.` */
function addSelected(name: string, selected: readonly Bench[] = []): readonly Bench[] {
  const found = ALL.filter((bench) => isCalled(bench, name));
  if (found.length === 0) {
    throw new InvalidArgumentError(`There are ${ALL.map((bench) => bench.name).join(', ')}.`);
  }
  return [...new Set([...selected, ...found])];
}

const isCalled = (bench: Bench, name: string) => bench.name === name || bench.name.startsWith(`${name}.`);

async function run(benches: readonly Bench[], flags: Flags): Promise<void> {
  if (flags.list === true) {
    for (const { name, about } of ALL) console.log(`${name.padEnd(18)} ${about}`);
    return;
  }
  const guarding = benches.includes(GUARD);
  const commit = presentCommit();
  const note = (line: string) => console.error(line);
  const harness = await openHarness(
    [...new Set(benches.flatMap(({ needs }) => needs))],
    Object.assign({}, ...benches.map(({ postgresSettings }) => postgresSettings)),
    note,
  );
  onEndingSignal((code) => void harness.close().finally(() => process.exit(code)));
  try {
    const runs: Record<string, Run> = {};
    for (const bench of benches) {
      note(`${bench.name}: ${bench.about}`);
      const options = {
        records: flags.records ?? bench.defaults.records,
        learners: flags.learners ?? bench.defaults.learners,
      };
      const sides = await bench.sides(harness, options);
      const result = await runRounds(sides, bench.ratios, {
        rounds: flags.rounds ?? bench.defaults.rounds,
        only: flags.sides,
        warmUp: bench.warmUp,
        note,
      });
      runs[bench.name] = { ...options, ...result };
      const show = flags.markdown === true ? markdownPage : page;
      if (flags.json !== true) console.log(`\n${show(bench.name, result)}\n`);
    }
    for (const line of Object.values(runs).flatMap(aboveLimits)) {
      console.error(line);
      process.exitCode = 1;
    }
    const { rows } = await harness.database.query<{ server_version: string }>({ text: 'SHOW server_version' });
    if (flags.json === true) {
      console.log(JSON.stringify(resultsOf(runs, rows[0]?.server_version ?? '', commit), null, 2));
    }
    if (guarding) concludeGuard(runs[GUARD.name] ?? { ratios: {} }, flags.accept === true);
  } finally {
    await harness.close();
  }
}

function concludeGuard(result: Pick<BenchResult, 'ratios'>, accepting: boolean): void {
  if (accepting) {
    accept(result);
    return;
  }
  const { page, worse } = judge(result);
  console.error(`\n${page}`);
  if (worse.length === 0) return;
  console.error(`\nworse than accepted: ${worse.join(', ')}`);
  process.exitCode = 1;
}

await new Command('bench')
  .description('Compares the performance of lastseen with other programs, on a stack of its own.')
  .argument(
    '[names...]',
    'benches to run; `track` selects all that begin with it (default: all except growth and guard)',
    addSelected,
  )
  .option('--rounds <n>', 'counted runs per side, after one warm-up (default: 5; growth and guard 3)', whole)
  .option('--records <n>', 'records to load (default: 1,000,000; guard 200,000)', whole)
  .option(
    '--learners <n>',
    'learners of the records (default: 100,000); for growth, the largest size (10,000,000)',
    whole,
  )
  .option('--sides <names>', 'run only these sides, separated by commas', (text) => text.split(','))
  .option('--accept', 'with guard: accept the results as the baseline for later runs')
  .option('--json', 'print the results as JSON')
  .option('--markdown', 'print tables for docs/performance.md')
  .option('--list', 'list the benches')
  .action((benches: readonly Bench[], flags: Flags) => run(benches.length === 0 ? BENCHES : benches, flags))
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
process.exit();
