import type { Activity } from '../activity/activity.ts';
import { MICROS_PER_DAY } from '../activity/instant.ts';
import { createFold, type Fold } from '../last-seen/fold.ts';
import type { BacktestPlan } from './plan.ts';

/** Activities grouped by the first sweep that sees them. Activities after the last sweep are dropped. */
export interface BacktestFold {
  add(activity: Activity): void;
  readonly size: number;
  /** Key: the day of the sweep, from 0. */
  readonly byDay: ReadonlyMap<number, Fold>;
}

export function createBacktestFold(plan: BacktestPlan): BacktestFold {
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
