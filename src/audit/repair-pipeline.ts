import type { StudentId } from '../activity/activity.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { AuditResult } from '../history/audit-runs-store.ts';
import { columnsOf, type LearnerRow } from '../last-seen/fold.ts';
import { lowerLastSeen } from '../last-seen/lower-store.ts';
import { raiseLastSeen } from '../last-seen/raise-store.ts';
import { readLastSeenRows } from '../last-seen/rows-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { isolateFailures, retryOnConflict } from '../runtime/retries.ts';
import { hasComparison, isDrift, replaceAuditedFields } from './comparison.ts';
import type { ComparedLearner } from './tally.ts';

export type RepairCounts = Pick<AuditResult, 'raised' | 'lowered' | 'deleted' | 'conflicts'>;

export const NO_REPAIRS: RepairCounts = { raised: 0, lowered: 0, deleted: 0, conflicts: 0 };

export function addRepairs(a: RepairCounts, b: RepairCounts): RepairCounts {
  return {
    raised: a.raised + b.raised,
    lowered: a.lowered + b.lowered,
    deleted: a.deleted + b.deleted,
    conflicts: a.conflicts + b.conflicts,
  };
}

/** What was repaired in a batch, and the learners whose rows Postgres refuses. */
export interface Repaired {
  readonly counts: RepairCounts;
  readonly refused: readonly StudentId[];
}

/** Applies values that are missing or behind, with the upsert of `track`. Never lowers a row. */
export async function raiseDrifting(database: Database, learners: readonly ComparedLearner[]): Promise<Repaired> {
  const rows = learners.flatMap(({ expected, comparisons }) =>
    expected !== undefined && isDrift(comparisons) ? [expected] : [],
  );
  let raised = 0;
  const refused: StudentId[] = [];
  await isolateFailures(
    rows,
    async (some) => {
      raised += await retryOnConflict(() => database.transaction((tx) => raiseLastSeen(tx, columnsOf(some))));
    },
    (error) => (error instanceof LastseenError && error.code === 'postgres_data' ? error.message : undefined),
    ({ studentId }) => refused.push(studentId),
  );
  return { counts: { ...NO_REPAIRS, raised }, refused };
}

/**
 * Lowers or deletes rows that are ahead of the sources. Only a row that has not changed since before the snapshot of the
 * sources can be wrong; any other row may contain a later activity.
 *
 * @param before a snapshot of the table that is older than the snapshot of the sources.
 */
export async function lowerAhead(
  database: Database,
  before: Queryable,
  audited: ReadonlySet<Source>,
  learners: readonly ComparedLearner[],
): Promise<RepairCounts> {
  const ahead = learners.flatMap(({ expected, stored, comparisons }) =>
    stored !== undefined && hasComparison(comparisons, 'ahead')
      ? [{ before: stored, after: replaceAuditedFields(expected, stored, audited) }]
      : [],
  );
  if (ahead.length === 0) return NO_REPAIRS;
  const earlier = await readLastSeenRows(
    before,
    ahead.map(({ before }) => before.studentId),
  );
  const unchanged = ahead.filter(({ before }) => isEqual(before, earlier.get(before.studentId)));
  const { changed, deleted } = await retryOnConflict(() => database.transaction((tx) => lowerLastSeen(tx, unchanged)));
  return { raised: 0, lowered: changed, deleted, conflicts: ahead.length - changed - deleted };
}

function isEqual(a: LearnerRow, b: LearnerRow | undefined): boolean {
  return a.userId === b?.userId && SOURCES.every((source) => a[source] === b[source]);
}
