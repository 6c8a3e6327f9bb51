import { readRetention } from '../history/retention-store.ts';
import type { Queryable } from '../postgres/database.ts';
import { usageError } from '../runtime/errors.ts';
import { planError, type SweepPlan } from '../silence/plan.ts';
import { LAST_RUN } from './difference.ts';
import { type Comparison, findRun } from './difference-store.ts';

/**
 * What the plan becomes with another threshold.
 *
 * @throws LastseenError `usage` if the threshold does not fit the lookback
 */
export function compareThreshold(plan: SweepPlan, days: number): Comparison {
  const error = planError([days], plan.lookbackDays);
  if (error !== undefined) throw usageError(error);
  return { old: plan, current: { ...plan, thresholds: [days] }, oldIsRun: false };
}

/**
 * The audience of now compared with what a run left.
 *
 * @param run the id of a completed run, or {@link LAST_RUN}
 * @throws LastseenError `usage` if there is no such run, if it is not completed or later than the plan, or if its closed
 * silences may be pruned
 */
export async function compareRun(db: Queryable, plan: SweepPlan, run: string): Promise<Comparison> {
  const found = await findRun(db, run === LAST_RUN ? undefined : run);
  if (found === undefined) {
    throw usageError(run === LAST_RUN ? 'no sweep has completed yet' : `there is no run ${run}; ${LISTS_RUNS}`);
  }
  const { runId, status, ...old } = found;
  if (status !== 'completed') throw usageError(`run ${runId} is ${status} and flagged nobody; ${LISTS_RUNS}`);
  if (old.asOf > plan.asOf) throw usageError(`run ${runId} has a later as-of; leave --as-of out, or give a later one`);
  const { floor } = await readRetention(db);
  if (floor !== null && old.asOf < floor) {
    throw usageError(`run ${runId} is too old: \`lastseen prune\` has removed silences that it flagged`);
  }
  return { old, current: plan, oldIsRun: true };
}

const LISTS_RUNS = '`lastseen sweep runs` lists the runs';
