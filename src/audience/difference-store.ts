import { formatInstant, type Instant } from '../activity/instant.ts';
import { INSTANTS_BY_SOURCE, type Source } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import { forEachBatch } from '../postgres/cursor.ts';
import type { BoundStatement, Database, Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { silenceWindow } from '../silence/plan.ts';
import { silentLearners } from '../sweep/census-store.ts';
import { LIST_ORDERS, type ListOrder } from '../sweep/episodes-store.ts';
import type { Changed, Side } from './difference.ts';

/** What two audiences are read from. */
export interface Comparison {
  readonly old: Side;
  readonly current: Side;
  /** Whether the old audience is what a run left, and not what a plan would find. */
  readonly oldIsRun: boolean;
}

export interface ChangedLearner extends Changed, Readonly<Record<Source, Instant | null>> {
  readonly student_id: string;
  readonly user_id: string;
}

export interface DifferenceCounts {
  readonly entered: bigint;
  readonly left: bigint;
  readonly unchanged: bigint;
}

/** Learners in one audience only, in batches. Postgres compares, so memory use does not depend on their number. */
export function eachChanged(
  database: Database,
  comparison: Comparison,
  onChanged: (learners: readonly ChangedLearner[]) => Promise<void>,
  { order, batchSize }: { readonly order: ListOrder | undefined; readonly batchSize: number },
): Promise<void> {
  const { text, values } = both(comparison);
  return forEachBatch<ChangedLearner>(
    database,
    {
      text: `${text}
SELECT CASE WHEN is_current THEN 'in' ELSE 'out' END AS change, seen.student_id, seen.user_id, seen.last_seen_at,
  old_last_seen_at, ${INSTANTS_BY_SOURCE}
FROM both_sides JOIN lastseen.user_last_seen seen USING (student_id)
WHERE is_current <> is_old
ORDER BY ${order === undefined ? 'change, student_id' : LIST_ORDERS[order]}`,
      values,
    },
    onChanged,
    batchSize,
  );
}

export async function countChanged(db: Queryable, comparison: Comparison): Promise<DifferenceCounts> {
  const { text, values } = both(comparison);
  const { rows } = await db.query<DifferenceCounts>({
    text: `${text}
SELECT
  count(*) FILTER (WHERE is_old IS FALSE) AS entered,
  count(*) FILTER (WHERE is_current IS FALSE) AS left,
  count(*) FILTER (WHERE is_old AND is_current) AS unchanged
FROM both_sides`,
    values,
  });
  return single(rows, 'an aggregate returns one row');
}

function both({ old, current, oldIsRun }: Comparison): BoundStatement {
  const now = silentLearners(current);
  const before = oldIsRun ? flaggedAt(old) : silentLearners(old);
  return {
    text: `
WITH both_sides AS (
  SELECT student_id, current.student_id IS NOT NULL AS is_current, old.student_id IS NOT NULL AS is_old,
    old.last_seen_at AS old_last_seen_at
  FROM (${now.text}) current
  FULL JOIN (${renumbered(before.text, now.values.length)}) old USING (student_id)
)`,
    values: [...now.values, ...before.values],
  };
}

/** The learners whose silence was open after a run. A return at the run's own as-of was found after it. */
function flaggedAt(run: Side): BoundStatement {
  const { after, until } = silenceWindow(run);
  return {
    text: `
SELECT student_id, max(last_seen_at) AS last_seen_at
FROM lastseen.episode
WHERE crossed_as_of <= $1::timestamptz
  AND (returned_as_of IS NULL OR returned_as_of > $1 OR newest_as_of >= $1)
  AND last_seen_at > $2::timestamptz AND last_seen_at <= $3::timestamptz
  AND threshold_days = ANY ($4::int[])
GROUP BY student_id`,
    values: [formatInstant(run.asOf), formatInstant(after), formatInstant(until), arrayLiteral(run.thresholds)],
  };
}

/** The statement with the numbers of its parameters raised. */
function renumbered(text: string, by: number): string {
  return text.replace(/\$(\d+)/g, (_, number) => `$${Number(number) + by}`);
}

interface ComparableRun extends Side {
  readonly runId: string;
  readonly status: string;
}

/** @param runId undefined for the newest completed run. @returns undefined if there is no such run. */
export async function findRun(db: Queryable, runId: string | undefined): Promise<ComparableRun | undefined> {
  const { rows } = await db.query<ComparableRun>({
    text: `
SELECT run_id AS "runId", status, as_of AS "asOf", thresholds, lookback_days AS "lookbackDays"
FROM lastseen.sweep_run
WHERE CASE WHEN $1::uuid IS NULL THEN status = 'completed' ELSE run_id = $1 END
ORDER BY started_at DESC LIMIT 1`,
    values: [runId ?? null],
  });
  return rows[0];
}
