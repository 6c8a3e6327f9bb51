import '../../src/cli/warnings.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Instant, parseInstant } from '../../src/activity/instant.ts';
import { onEndingSignal } from '../ended-by.ts';
import { StackError } from '../errors.ts';
import { type RunningStack, startStack } from '../stack.ts';
import { checksOf } from './checks.ts';
import { keepRunning } from './keep.ts';
import { type DemoFlags, type DemoOptions, demoOptions } from './options.ts';
import { OULAD_FILES } from './oulad.ts';
import { page, pageJson } from './report.ts';
import { returnLearner } from './return.ts';
import { runDemo } from './run.ts';
import { createSteps, type Steps } from './steps.ts';

/**
 * The demo: starts the real stack, loads learners, runs Debezium, `track`, `sweep` and `recompute`, and prints a report
 * with the results and whether they are right.
 */
interface Flags extends DemoFlags {
  readonly keep?: boolean;
  readonly tour?: boolean;
  readonly json?: boolean;
}

async function run(flags: Flags): Promise<number> {
  const options = demoOptions(flags);
  const problem = typeof options === 'string' ? options : missingData(options);
  if (typeof options === 'string' || problem !== undefined) {
    console.error(problem);
    return 2;
  }
  const end = new AbortController();
  let exitCode = 0;
  onEndingSignal((code) => {
    exitCode = code;
    end.abort();
  });
  const steps = createSteps(process.stdout.isTTY && !flags.json ? 'list' : 'lines', end.signal);
  try {
    const stack = await bringUp(steps, end);
    try {
      const result = await runDemo(stack, options, steps, end.signal);
      console.log(flags.json ? pageJson(result) : page(result));
      if (!checksOf(result).every(({ passed }) => passed)) exitCode = 1;
      if (flags.keep || flags.tour) await keepRunning({ stack, options, result, steps, signal: end.signal }, flags);
      if (end.signal.reason instanceof StackError) throw end.signal.reason;
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (exitCode !== 0) return exitCode;
    console.error(error instanceof StackError || isKnown(error) ? error.message : error);
    return 1;
  }
  return exitCode;
}

function missingData({ data }: DemoOptions): string | undefined {
  if (data.kind !== 'oulad') return undefined;
  const missing = OULAD_FILES.filter((name) => !existsSync(join(data.folder, name)));
  return missing.length === 0 ? undefined : `--data ${data.folder}: missing ${missing.join(', ')}`;
}

function bringUp(steps: Steps, end: AbortController): Promise<RunningStack> {
  return steps.run('Start Postgres, Kafka, the registry and Connect', (report) =>
    startStack({
      signal: end.signal,
      onProgress(part, state, detail) {
        report(detail === undefined ? `${part} ${state}` : `${part} ${state}: ${detail}`);
        if (state === 'failed') end.abort(new StackError(detail ?? `${part} failed`));
      },
    }),
  );
}

/** Errors whose message is enough for the operator. */
function isKnown(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return count;
}

function readInstant(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new InvalidArgumentError('It must be an instant such as 2026-03-18T05:00:00Z.');
  if (instant > BigInt(Date.now()) * 1000n) throw new InvalidArgumentError('It must not be in the future.');
  return instant;
}

const demo = new Command('demo')
  // An option after `return` belongs to it.
  .enablePositionalOptions()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .description(
    'Runs lastseen on a real stack with generated learners, and checks the results with SQL over the source tables.',
  )
  .option('--learners <n>', 'number of learners to generate', readCount, 2_500)
  .option('--days <n>', 'days of history per learner', readCount, 120)
  .option('--seed <n>', 'the same seed gives the same learners', readCount, 1)
  .addOption(
    new Option('--data <dir>', 'folder of the OULAD files of 2013, instead of generated learners').conflicts([
      'days',
      'seed',
    ]),
  )
  .option('--as-of <instant>', 'sweep as of this instant; later activity is not loaded', readInstant)
  .option('--threshold <days>', 'days without activity until a learner is inactive', readCount, 7)
  .option('--lookback <days>', 'days without activity until a learner is ignored (default: 30, OULAD 31)', readCount)
  .addOption(
    new Option(
      '--proof <of>',
      'what proves delivery to the sweep: the slot, the offset that Connect has committed, or both',
    )
      .choices(['slot', 'connect', 'both'])
      .default('slot'),
  )
  .option('--own-database', "keep lastseen's tables and weekly_kpi in another database than the platform's tables")
  .option('--keep', 'keep the servers, `track` and `recompute` running until Ctrl-C, and print a tour of six commands')
  .addOption(new Option('--tour', 'run the tour: six commands, one of them brings a learner back').conflicts('json'))
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    `
Needs Java 17 or newer; the first run also needs Maven. Exit code 1: a check failed.

Examples:
  npm run demo
  npm run demo -- --tour
  npm run demo -- --learners 500 --threshold 14 --keep
  npm run demo -- --proof connect --own-database
  npm run demo -- --data ../oulad --as-of 2014-01-06T23:59:59.999999Z --lookback 31`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)));
demo
  .command('return')
  .description('Inserts a session of an inactive learner into a running demo (--keep), and watches it arrive.')
  .argument('<user>', 'user_id of a flagged learner')
  .action(async (user: string) => process.exit(await returnLearner(user)));
await demo.parseAsync();
