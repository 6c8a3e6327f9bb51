import { v5 as uuidv5 } from 'uuid';
import { dateOf, formatInstant, type Instant } from '../activity/instant.ts';
import type { InactivityDecision } from '../events/inactivity-decision.ts';
import { eachDecision } from '../events/outbox-store.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import type { Database } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError } from '../runtime/errors.ts';
import { takeCensus } from '../sweep/census-store.ts';
import { recordInactive } from '../sweep/episodes-store.ts';
import { closeAllEpisodes } from '../sweep/returns-store.ts';
import { type CollectDeps, collectStages, type Flush } from '../track/collect-pipeline.ts';
import {
  advanceLastSeen,
  BACKTEST_TABLES,
  emptyBacktestOutbox,
  emptyBacktestTables,
  saveActivity,
} from './backtest-store.ts';
import type { EventSink } from './event-sink-pipeline.ts';
import { type BacktestFold, createBacktestFold } from './fold.ts';
import { asOfOfDay, type BacktestPlan } from './plan.ts';

export interface BacktestDeps {
  readonly database: Database;
  readonly collect: CollectDeps;
  /** Reads the whole source topics through these stages. */
  readonly readTopics: (stages: Stages<Flush<BacktestFold>>) => Promise<void>;
  readonly openSink: () => Promise<EventSink>;
  /** Whether to end after the current day. */
  readonly isStopping: () => boolean;
  readonly showProgress: (days: number) => { update(done: number): void; end(): void };
}

/** What the sweep of one day would have found. */
export interface BacktestDay {
  /** `YYYY-MM-DD` */
  readonly sweepOn: string;
  readonly active: bigint;
  readonly inactive: bigint;
  readonly unresolved: bigint;
  readonly crossed: bigint;
  readonly ongoing: bigint;
  readonly returned: bigint;
}

/** Ends the message of an interrupted backtest. */
export const NO_RESULT = 'this backtest has no result';

/**
 * What sweeps of past days would have found and emitted: reads the source topics, then sweeps each day on tables of its
 * own. It changes neither the live tables nor the live topics.
 *
 * @throws LastseenError `busy` if another backtest is running, `interrupted`, `usage`.
 */
export function runBacktest(deps: BacktestDeps, plan: BacktestPlan): Promise<readonly BacktestDay[]> {
  const { database } = deps;
  return withLock(database, 'backtest', async () => {
    const sink = await deps.openSink();
    await emptyBacktestTables(database);
    try {
      await deps.readTopics(activityStages(deps, plan));
      return await sweepAllDays(deps, plan, sink);
    } finally {
      await sink.close();
      await emptyBacktestTables(database);
    }
  });
}

/** Activities are assigned to days by their own instants: topics of different tables have no common order. */
function activityStages({ collect, database }: BacktestDeps, plan: BacktestPlan): Stages<Flush<BacktestFold>> {
  return {
    ...collectStages(collect, () => createBacktestFold(plan)),

    apply: ({ fold }) =>
      database.transaction(async (tx) => {
        // In the same order in every transaction, so that two transactions never deadlock.
        for (const [day, learners] of [...fold.byDay].sort(([a], [b]) => a - b)) {
          await saveActivity(tx, dateOf(asOfOfDay(plan, day)), learners.columns());
        }
      }),
  };
}

async function sweepAllDays(deps: BacktestDeps, plan: BacktestPlan, sink: EventSink): Promise<readonly BacktestDay[]> {
  const days: BacktestDay[] = [];
  const progress = deps.showProgress(plan.days);
  try {
    await sweepDays(deps.database, plan, sink.write, (day) => {
      days.push(day);
      progress.update(days.length);
      return !deps.isStopping();
    });
  } finally {
    progress.end();
  }
  if (days.length < plan.days) throw new LastseenError('interrupted', `stopped by a signal; ${NO_RESULT}`);
  return days;
}

/** The number of events in the outbox above which it is emptied: TRUNCATE costs more than a few rows. */
const MAX_OUTBOX_ROWS = 1_000_000;

/**
 * Sweeps day after day with the statements of a live sweep. A learner counts as returned at the next sweep after the
 * activity, because the order of activities between two sweeps is unknown.
 *
 * @param onDecisions gets each day's events in order, in batches.
 * @param onDay returns false to stop.
 */
export async function sweepDays(
  database: Database,
  plan: BacktestPlan,
  onDecisions: (decisions: readonly InactivityDecision[]) => Promise<void>,
  onDay: (day: BacktestDay) => boolean,
): Promise<void> {
  let lastSeq = 0n;
  let outboxRows = 0;
  for (let day = 0; day < plan.days; day++) {
    const found = await sweepDay(database, plan, asOfOfDay(plan, day));
    await eachDecision(database, BACKTEST_TABLES.outbox, lastSeq, async (decisions) => {
      for (const { seq } of decisions) if (seq > lastSeq) lastSeq = seq;
      outboxRows += decisions.length;
      await onDecisions(decisions);
    });
    if (outboxRows > MAX_OUTBOX_ROWS) {
      await emptyBacktestOutbox(database);
      outboxRows = 0;
    }
    if (!onDay(found)) return;
  }
}

function sweepDay(database: Database, plan: BacktestPlan, asOf: Instant): Promise<BacktestDay> {
  const sweepOn = dateOf(asOf);
  const sweepPlan = { ...plan, asOf };
  return database.transaction(async (tx) => {
    await advanceLastSeen(tx, sweepOn);
    const returned = BigInt(await closeAllEpisodes(tx, asOf, BACKTEST_TABLES));
    const { active, inactive, unresolved } = await takeCensus(tx, sweepPlan, BACKTEST_TABLES);
    const recorded = await recordInactive(tx, sweepPlan, runIdOf(asOf), asOf, BACKTEST_TABLES);
    return { sweepOn, active, inactive, unresolved, ...recorded, returned };
  });
}

const NAMESPACE = '5a0f3c1e-52a9-5d0e-8a51-0f6f7f1f2a77';

/** The same id for the same day, so that two backtests write the same events. */
function runIdOf(asOf: Instant): string {
  return uuidv5(formatInstant(asOf), NAMESPACE);
}
