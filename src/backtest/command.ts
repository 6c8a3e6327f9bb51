import { InvalidArgumentError } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { MICROS_PER_DAY, parseInstant } from '../activity/instant.ts';
import { openKafka, openRegistry } from '../cli/connections.ts';
import { showProgress } from '../cli/progress-bar.ts';
import { readRange } from '../cli/read-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { table } from '../cli/tables.ts';
import { sourceTopics } from '../config/topic-names.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { topicBounds } from '../kafka/admin/topic-bounds.ts';
import { rangesBetween } from '../kafka/consumer/replay-ranges.ts';
import type { Database } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError, usageError } from '../runtime/errors.ts';
import { detectionPlan } from '../silence/configured-plan.ts';
import { collectDeps } from '../track/wiring.ts';
import { emptyAsIf } from './backtest-store.ts';
import { openEventSink } from './event-sink-pipeline.ts';
import { type AsIfDay, type AsIfPlan, createAsIfReading, walkDays } from './pipeline.ts';

/** When the day's sweep runs, as the CronJob has it. */
const SWEEP_TIME = 'T05:00:00Z';

const LET_GO = 'what was read is let go';

/** Reads the date of a flag. */
export function readDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || parseInstant(`${text}${SWEEP_TIME}`) === undefined) {
    throw new InvalidArgumentError('It must be a date such as 2026-03-16.');
  }
  return text;
}

/** Flags of a backtest, which is a mode of `replay`. */
export interface BacktestFlags {
  readonly sweepFrom?: string;
  readonly sweepTo?: string;
  readonly out?: string;
  readonly outTopic?: string;
}

const REPLAY_ONLY = ['from', 'to', 'topic', 'rebuild', 'snapshot', 'emit', 'restart'] as const;

/** @throws LastseenError `usage`. */
export function asIfPlan(
  context: CommandContext,
  flags: BacktestFlags & { readonly [name in (typeof REPLAY_ONLY)[number]]?: unknown },
): AsIfPlan {
  const { sweepFrom, sweepTo = sweepFrom, out, outTopic } = flags;
  for (const name of REPLAY_ONLY) {
    if (flags[name] !== undefined) throw usageError(`--${name} does not go with --sweep-from and --sweep-to`);
  }
  if (sweepFrom === undefined || sweepTo === undefined) throw usageError('--sweep-to needs a --sweep-from');
  if (out !== undefined && outTopic !== undefined) throw usageError('--out and --out-topic are one or the other');
  const firstAsOf = parseInstant(`${sweepFrom}${SWEEP_TIME}`) ?? 0n;
  const lastAsOf = parseInstant(`${sweepTo}${SWEEP_TIME}`) ?? 0n;
  if (lastAsOf < firstAsOf) throw usageError('--sweep-to must not be before --sweep-from');
  if (lastAsOf > context.now()) throw usageError('--sweep-to lies in the future: nothing can be known of it yet');
  const { asOf: _asOf, limit: _limit, ...decides } = detectionPlan(context.settings, firstAsOf);
  return { ...decides, firstAsOf, days: Number((lastAsOf - firstAsOf) / MICROS_PER_DAY) + 1 };
}

/**
 * What sweeps of past days would have found and emitted; the tables in force and the live topics are left alone.
 *
 * @throws LastseenError `busy`, `interrupted`, `usage`.
 */
export function sweepAsIf(
  context: CommandContext,
  database: Database,
  plan: AsIfPlan,
  flags: BacktestFlags,
): Promise<readonly AsIfDay[]> {
  return withLock(database, 'backtest', async () => {
    const { settings, stopping } = context;
    const kafka = openKafka(context);
    const registry = openRegistry(settings);
    const sources = sourceTopics(settings);
    const topics = [...sources.keys()];
    await requireTopics(kafka, topics);
    const sink = await openEventSink(context, kafka, registry, flags);
    await emptyAsIf(database);
    try {
      await readRange(context, {
        kafka,
        groupId: `lastseen-as-if-${uuidv7()}`,
        ranges: rangesBetween(await topicBounds(kafka, topics), undefined, undefined),
        ends: [],
        stages: createAsIfReading({ ...collectDeps(settings, registry, sources), database }, plan),
        what: 'history',
        whenStopped: LET_GO,
      });
      const days: AsIfDay[] = [];
      const { log, terminal } = context;
      const progress = showProgress({ what: 'sweeps', unit: 'days', total: plan.days, log, terminal });
      await walkDays(database, plan, sink.write, (day) => {
        days.push(day);
        progress.update(days.length);
        return !stopping.aborted;
      });
      progress.end();
      if (days.length < plan.days) throw new LastseenError('interrupted', `interrupted; ${LET_GO}`);
      return days;
    } finally {
      await sink.close();
      await emptyAsIf(database);
    }
  });
}

export function asIfPage(days: readonly AsIfDay[]): string {
  return table(
    ['day', 'active', 'inactive', 'unresolved', 'crossed', 'ongoing', 'returned'],
    days.map((day) => [day.sweepOn, day.active, day.inactive, day.unresolved, day.crossed, day.ongoing, day.returned]),
  );
}
