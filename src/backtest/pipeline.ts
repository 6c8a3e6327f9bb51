import { v5 as uuidv5 } from 'uuid';
import type { Activity } from '../activity/activity.ts';
import { dateOf, formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { InactivityDecision } from '../events/inactivity-decision.ts';
import { eachAsIfDecision } from '../events/inactivity-outbox-store.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold, type Fold } from '../last-seen/fold.ts';
import type { Database } from '../postgres/database.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { AS_IF } from '../sweep/detection-tables.ts';
import { recordInactive, takeCensus } from '../sweep/episodes-store.ts';
import { closeAllEpisodes } from '../sweep/returns-store.ts';
import { type CollectDeps, collecting, type Flush } from '../track/pipeline.ts';
import { emptyAsIfOutbox, keepActivity, reachDay } from './backtest-store.ts';

/** The sweeps of a past span of days, a day apart, and how they are to decide. */
export interface AsIfPlan extends Omit<SweepPlan, 'asOf' | 'limit'> {
  readonly firstAsOf: Instant;
  readonly days: number;
}

const asOfOf = ({ firstAsOf }: AsIfPlan, day: number): Instant => firstAsOf + BigInt(day) * MICROS_PER_DAY;

/** Activities by the sweep that would have seen them first; those after the last sweep are no part of the span. */
interface AsIfFold {
  add(activity: Activity): void;
  readonly size: number;
  readonly byDay: ReadonlyMap<number, Fold>;
}

export function createAsIfFold(plan: AsIfPlan): AsIfFold {
  const byDay = new Map<number, Fold>();
  return {
    add(activity) {
      const since = activity.at - plan.firstAsOf;
      const day = since <= 0n ? 0 : Number((since + MICROS_PER_DAY - 1n) / MICROS_PER_DAY);
      if (day >= plan.days) return;
      const fold = byDay.get(day) ?? createFold();
      byDay.set(day, fold);
      fold.add(activity);
    },
    get size() {
      return [...byDay.values()].reduce((sum, fold) => sum + fold.size, 0);
    },
    byDay,
  };
}

/** Keeps what the records say of each day. By their own instants: the topics of several tables have no common order. */
export function createAsIfReading(
  deps: CollectDeps & { readonly database: Database },
  plan: AsIfPlan,
): Stages<Flush<AsIfFold>> {
  return {
    ...collecting(deps, () => createAsIfFold(plan)),

    apply: ({ fold }) =>
      deps.database.transaction(async (tx) => {
        for (const [day, learners] of [...fold.byDay].sort(([a], [b]) => a - b)) {
          await keepActivity(tx, dateOf(asOfOf(plan, day)), learners.columns());
        }
      }),
  };
}

/** What the sweep of one day would have found. */
export interface AsIfDay {
  /** `YYYY-MM-DD` */
  readonly sweepOn: string;
  readonly active: bigint;
  readonly inactive: bigint;
  readonly unresolved: bigint;
  readonly crossed: bigint;
  readonly ongoing: bigint;
  readonly returned: bigint;
}

/**
 * Sweeps day after day over what was kept, with the statements of a sweep on tables of their own. A learner seen again
 * counts as returned at the sweep that finds it: between two sweeps nothing is known of any order.
 *
 * @param onDecisions is given each day's events in order, a batch at a time.
 * @param onDay is false where it was told to stop.
 */
export async function walkDays(
  database: Database,
  plan: AsIfPlan,
  onDecisions: (decisions: readonly InactivityDecision[]) => Promise<void>,
  onDay: (day: AsIfDay) => boolean,
): Promise<void> {
  let last = 0n;
  let kept = 0;
  for (let day = 0; day < plan.days; day++) {
    const asOf = asOfOf(plan, day);
    const sweepOn = dateOf(asOf);
    const found = await database.transaction(async (tx) => {
      await reachDay(tx, sweepOn);
      const returned = BigInt(await closeAllEpisodes(tx, asOf, AS_IF));
      const sweepPlan = { ...plan, asOf };
      const { active, inactive, unresolved } = await takeCensus(tx, sweepPlan, AS_IF);
      const recorded = await recordInactive(tx, sweepPlan, runIdOf(asOf), asOf, AS_IF);
      return { sweepOn, active, inactive, unresolved, ...recorded, returned };
    });
    await eachAsIfDecision(database, last, async (decisions) => {
      for (const { seq } of decisions) if (seq > last) last = seq;
      kept += decisions.length;
      await onDecisions(decisions);
    });
    if (kept > KEPT_AT_MOST) {
      await emptyAsIfOutbox(database);
      kept = 0;
    }
    if (!onDay(found)) return;
  }
}

/** Events that were handed on and still take up room; emptying a table costs the disk more than a day's few rows. */
const KEPT_AT_MOST = 1_000_000;

const NAMESPACE = '5a0f3c1e-52a9-5d0e-8a51-0f6f7f1f2a77';

/** The same for the same day, so that two walks write the same events. */
function runIdOf(asOf: Instant): string {
  return uuidv5(formatInstant(asOf), NAMESPACE);
}
