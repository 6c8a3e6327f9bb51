import type { LearnerColumns } from '../activity/fold.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from './database.ts';
import { learnerArrays } from './learner-arrays.ts';

/**
 * Raises the learners' rows to what was folded, a source at a time; nothing is ever set back. Rows that stand there
 * already are neither locked nor written: the join leaves them out before the upsert, which then checks again, since
 * another instance may have come between.
 *
 * @param learners in any order: the statement sorts them, so that two instances lock in the same order.
 * @returns how many rows were inserted or changed.
 */
export async function raiseLastSeen(tx: Queryable, learners: LearnerColumns): Promise<number> {
  if (learners.size === 0) return 0;
  const { count } = await tx.query({ name: 'raise_last_seen', text: RAISE_LAST_SEEN, values: learnerArrays(learners) });
  return count;
}

/** The same for the shadow of a replay that builds the table anew. */
export async function raiseShadow(tx: Queryable, learners: LearnerColumns): Promise<void> {
  if (learners.size === 0) return;
  await tx.query({ name: 'raise_shadow', text: RAISE_SHADOW, values: learnerArrays(learners) });
}

/** How many of the learners' rows would be raised, source by source. */
export async function countBehind(tx: Queryable, learners: LearnerColumns): Promise<Record<Source, number>> {
  const { rows: counts } = await tx.query<Record<Source, number>>({
    name: 'count_behind',
    text: `
WITH ${INCOMING}
SELECT
  ${SOURCES.map((source) => `count(i.${source}_at) FILTER (WHERE s.${source}_at IS NULL OR s.${source}_at < i.${source}_at)::int AS ${source}`).join(',\n  ')}
FROM incoming i LEFT JOIN lastseen.user_last_seen s USING (student_id)`,
    values: learnerArrays(learners),
  });
  const [count] = counts;
  if (count === undefined) throw new Error('a count came back without a row');
  return count;
}

/** What becomes of a row `t` that is there already. */
export const RAISED = `user_id = LEAST(t.user_id, excluded.user_id),
  exam_results_at = GREATEST(t.exam_results_at, excluded.exam_results_at),
  features_topic_daily_at = GREATEST(t.features_topic_daily_at, excluded.features_topic_daily_at),
  attempt_at = GREATEST(t.attempt_at, excluded.attempt_at),
  session_at = GREATEST(t.session_at, excluded.session_at)`;

/** The learners of {@link learnerArrays}, which are $1 to $6. */
export const INCOMING = `incoming AS (
  SELECT student_id, user_id COLLATE "C" AS user_id, ${SOURCES.map((source) => `${source}_at`).join(', ')}
  FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
    AS u (student_id, user_id, ${SOURCES.map((source) => `${source}_at`).join(', ')})
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
