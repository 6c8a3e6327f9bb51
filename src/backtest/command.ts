import { type Command, InvalidArgumentError } from 'commander';
import { openKafka, openRegistry } from '../cli/connections.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { readOffsetRanges } from '../cli/read-offset-ranges.ts';
import { type CommandContext, EXIT } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { sourceTopics, temporaryGroup } from '../config/kafka-names.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { topicBounds } from '../kafka/admin/offsets.ts';
import { rangesBetween } from '../kafka/consumer/offset-ranges.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { collectDeps } from '../track/wiring.ts';
import { backtestPage } from './backtest-page.ts';
import { openEventSink } from './event-sink-pipeline.ts';
import { type BacktestDeps, NO_RESULT, runBacktest } from './pipeline.ts';
import { type BacktestFlags, backtestPlan, isBacktest, sweepInstant } from './plan.ts';

/** The mode of `replay` that sweeps past days. */
export const backtestMode = {
  addOptions: (command: Command): Command =>
    command
      .option(
        '--sweep-from <date>',
        'backtest the daily sweeps (05:00 UTC) from this day on, instead of a replay',
        readDate,
      )
      .option('--sweep-to <date>', 'last day of the backtest (default: the first day)', readDate)
      .option('--threshold <days[,days…]>', 'thresholds of the backtest (INACTIVITY_THRESHOLD_DAYS)')
      .option('--lookback <days>', 'lookback of the backtest (KPI_LOOKBACK_DAYS)')
      .option('--out <file>', 'write the events of the backtest to this file, one JSON object per line')
      .option('--out-topic <topic>', 'write the events of the backtest to this topic, which must not be in use'),

  isRequested: isBacktest,

  run(context: CommandContext, flags: BacktestFlags & { readonly json?: true }): Promise<number> {
    const plan = backtestPlan(context.settings, context.now(), flags);
    return withOwnTables(context, async (database) => {
      const days = await runBacktest({ database, ...backtestDeps(context, flags) }, plan);
      context.print(flags.json ? json({ days }) : backtestPage(days));
      return EXIT.done;
    });
  },
};

function readDate(text: string): string {
  if (sweepInstant(text) === undefined) throw new InvalidArgumentError('It must be a date such as 2026-03-16.');
  return text;
}

function backtestDeps(context: CommandContext, flags: BacktestFlags): Omit<BacktestDeps, 'database'> {
  const { settings, log, live, stopping } = context;
  const kafka = openKafka(context);
  const registry = openRegistry(settings);
  const sources = sourceTopics(settings);
  const topics = [...sources.keys()];
  return {
    collect: collectDeps(settings, registry, sources, context.now),
    async openSink() {
      await requireTopics(kafka, topics);
      return openEventSink(settings, kafka, registry, flags);
    },
    async readTopics(stages) {
      await readOffsetRanges(context, {
        kafka,
        groupId: temporaryGroup(settings, 'backtest'),
        ranges: rangesBetween(await topicBounds(kafka, topics), undefined, undefined),
        stages,
        what: 'history',
        whenStopped: NO_RESULT,
      });
    },
    isStopping: () => stopping.aborted,
    showProgress: (total) => showProgress({ what: 'sweeps', unit: 'days', total, log, live }),
  };
}
