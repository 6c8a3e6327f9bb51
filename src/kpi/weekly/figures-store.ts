import type { Database, Queryable } from '../../postgres/database.ts';
import { LastseenError } from '../../runtime/errors.ts';
import { recordUpdates } from './ledger-store.ts';
import {
  type ExistingRow,
  lockRows,
  mergeFigures,
  type WeeklyFigures,
  type WeeklyTarget,
  weeklyTarget,
} from './rows-store.ts';
import { raiseWatermarks, staleTargets } from './watermarks-store.ts';

/**
 * `created`: there was no row, or no JSON object in it. `unchanged`: the row has these figures already and was not
 * written. `outdated`: the row has the figures of a newer as-of. `redelivered`: the event was answered before.
 */
export type WriteOutcome = 'updated' | 'unchanged' | 'created' | 'outdated' | 'redelivered';

/**
 * Writes a batch into `weekly_kpi` in one transaction, at most once per learner and week, and records answered events in
 * the ledger, from which they are published.
 *
 * The watermark's row is locked first: it represents the learner's week even if `weekly_kpi` has no row yet, so that two
 * processes with the same event, or an older and a newer one, take turns. All locks are taken in the order of
 * (user_id, week_start). An event that is outdated or redelivered leaves no trace.
 *
 * Throws a retriable `postgres_conflict` if a row appeared or was removed after it was decided which figures to compute.
 *
 * @returns the outcomes, in the order of `figures`
 */
export async function writeWeeklyFigures(
  database: Database,
  figures: readonly WeeklyFigures[],
): Promise<readonly WriteOutcome[]> {
  const sorted = figures
    .map((each, index) => ({ index, target: weeklyTarget(each) }))
    .sort((a, b) => byKey(a.target, b.target));
  const outcomes = await database.transaction((tx) =>
    writeSorted(
      tx,
      sorted.map(({ target }) => target),
    ),
  );
  const inOrder = new Array<WriteOutcome>(figures.length);
  outcomes.forEach((outcome, position) => {
    const index = sorted[position]?.index;
    if (index !== undefined) inOrder[index] = outcome;
  });
  return inOrder;
}

function byKey(a: WeeklyTarget, b: WeeklyTarget): number {
  if (a.userId !== b.userId) return a.userId < b.userId ? -1 : 1;
  return a.weekStart < b.weekStart ? -1 : 1;
}

async function writeSorted(tx: Queryable, targets: readonly WeeklyTarget[]): Promise<readonly WriteOutcome[]> {
  await raiseWatermarks(tx, targets);
  const stale = await staleTargets(tx, targets);
  const fresh = targets.flatMap((target, position) => (stale.has(position) ? [] : [{ target, position }]));
  const freshTargets = fresh.map(({ target }) => target);
  const previous = await lockRows(tx, freshTargets);
  const written = await mergeFigures(tx, freshTargets);

  const outcomes = new Map<number, WriteOutcome>(stale);
  const answered = fresh.flatMap(({ target, position }, index) => {
    const before = previous.get(index);
    const after = written.get(index);
    requireAsJudged(target, before, after?.inserted === true);
    const created = before?.isObject !== true;
    outcomes.set(position, created ? 'created' : after === undefined ? 'unchanged' : 'updated');
    if (target.cause === null) return [];
    const { P: p = null, S: s = null } = target.figures;
    return [
      { ...target, cause: target.cause, p, s, previousP: before?.p ?? null, previousS: before?.s ?? null, created },
    ];
  });
  if (answered.length > 0) await recordUpdates(tx, answered);
  return targets.map((_, position) => outcomes.get(position) ?? 'unchanged');
}

/** The existing row decided which figures were computed; it may have changed meanwhile. */
function requireAsJudged({ cause }: WeeklyTarget, before: ExistingRow | undefined, inserted: boolean): void {
  const appeared = before === undefined && !inserted;
  const judged = cause === null || (before?.isObject === true) === (cause.computed === 'P_AND_S');
  if (!appeared && judged) return;
  throw new LastseenError('postgres_conflict', 'a weekly_kpi row appeared or was removed before it was written', {
    retriable: true,
  });
}
