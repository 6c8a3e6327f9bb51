import type { LearnerRow } from '../activity/fold.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import { plainArray } from './arrays.ts';
import type { Queryable } from './database.ts';

/**
 * Raises the learners' rows to what was folded, a source at a time; nothing is ever set back. Rows that stand there
 * already are neither locked nor written: the join leaves them out before the upsert, which then checks again, since
 * another instance may have come between.
 *
 * @param rows one a learner. The statement sorts them, so that two instances lock in the same order.
 * @returns how many rows were inserted or changed.
 */
export async function raiseLastSeen(tx: Queryable, rows: readonly LearnerRow[]): Promise<number> {
  if (rows.length === 0) return 0;
  const { count } = await tx.query({ name: 'raise_last_seen', text: RAISE_LAST_SEEN, values: learnerArrays(rows) });
  return count;
}

/** The same for the shadow of a replay that builds the table anew. */
export async function raiseShadow(tx: Queryable, rows: readonly LearnerRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query({ name: 'raise_shadow', text: RAISE_SHADOW, values: learnerArrays(rows) });
}

/** How many of the learners' rows would be raised, source by source. */
export async function countBehind(tx: Queryable, rows: readonly LearnerRow[]): Promise<Record<Source, number>> {
  const { rows: counts } = await tx.query<Record<Source, number>>({
    name: 'count_behind',
    text: `
WITH ${INCOMING}
SELECT
  ${SOURCES.map((source) => `count(i.${source}_at) FILTER (WHERE s.${source}_at IS NULL OR s.${source}_at < i.${source}_at)::int AS ${source}`).join(',\n  ')}
FROM incoming i LEFT JOIN lastseen.user_last_seen s USING (student_id)`,
    values: learnerArrays(rows),
  });
  const [count] = counts;
  if (count === undefined) throw new Error('a count came back without a row');
  return count;
}

/** The rows as the arrays $1 to $6 that {@link INCOMING} reads. */
export function learnerArrays(rows: readonly LearnerRow[]): unknown[] {
  return [
    plainArray(rows.map((row) => row.studentId)),
    rows.map((row) => row.userId),
    plainArray(rows.map((row) => row.exam_results)),
    plainArray(rows.map((row) => row.features_topic_daily)),
    plainArray(rows.map((row) => row.attempt)),
    plainArray(rows.map((row) => row.session)),
  ];
}

/** What becomes of a row `t` that is there already. */
export const RAISED = `user_id = LEAST(t.user_id, excluded.user_id),
  exam_results_at = GREATEST(t.exam_results_at, excluded.exam_results_at),
  features_topic_daily_at = GREATEST(t.features_topic_daily_at, excluded.features_topic_daily_at),
  attempt_at = GREATEST(t.attempt_at, excluded.attempt_at),
  session_at = GREATEST(t.session_at, excluded.session_at)`;

/** The rows of {@link learnerArrays}. */
export const INCOMING = `incoming AS (
  SELECT
    student_id,
    user_id COLLATE "C" AS user_id,
    'epoch'::timestamptz + exam_results * interval '1 microsecond' AS exam_results_at,
    'epoch'::timestamptz + features_topic_daily * interval '1 microsecond' AS features_topic_daily_at,
    'epoch'::timestamptz + attempt * interval '1 microsecond' AS attempt_at,
    'epoch'::timestamptz + session * interval '1 microsecond' AS session_at
  FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[])
    AS u (student_id, user_id, exam_results, features_topic_daily, attempt, session)
)`;

const raise = (table: 'lastseen.user_last_seen' | 'lastseen.replay_shadow') => `
WITH ${INCOMING}
INSERT INTO ${table} AS t
  (student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at)
SELECT i.*
FROM incoming i
LEFT JOIN ${table} s USING (student_id)
WHERE s.student_id IS NULL
  OR (
    LEAST(s.user_id, i.user_id),
    GREATEST(s.exam_results_at, i.exam_results_at),
    GREATEST(s.features_topic_daily_at, i.features_topic_daily_at),
    GREATEST(s.attempt_at, i.attempt_at),
    GREATEST(s.session_at, i.session_at)
  ) IS DISTINCT FROM (s.user_id, s.exam_results_at, s.features_topic_daily_at, s.attempt_at, s.session_at)
ORDER BY i.student_id
ON CONFLICT (student_id) DO UPDATE SET
  ${RAISED}
WHERE (
    LEAST(t.user_id, excluded.user_id),
    GREATEST(t.exam_results_at, excluded.exam_results_at),
    GREATEST(t.features_topic_daily_at, excluded.features_topic_daily_at),
    GREATEST(t.attempt_at, excluded.attempt_at),
    GREATEST(t.session_at, excluded.session_at)
  ) IS DISTINCT FROM (t.user_id, t.exam_results_at, t.features_topic_daily_at, t.attempt_at, t.session_at)`;

const RAISE_LAST_SEEN = raise('lastseen.user_last_seen');
const RAISE_SHADOW = raise('lastseen.replay_shadow');
