import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import type { LearnerColumns } from './fold.ts';
import { learnerArrays } from './learner-arrays.ts';

/**
 * Raises the learners' rows, each source to its newest instant; nothing is ever lowered. Rows that are up to date are
 * neither locked nor written: a join leaves them out before the upsert, which checks again, because another instance may
 * have written in between.
 *
 * @param learners in any order: the statement sorts them, so that two instances lock in the same order.
 * @param mostlyNews whether almost all rows will be raised: then the join costs more than it saves, and is left out. The
 *   result is the same, but rows that are up to date are locked.
 * @returns how many rows were inserted or changed.
 */
export async function raiseLastSeen(tx: Queryable, learners: LearnerColumns, mostlyNews = false): Promise<number> {
  if (learners.size === 0) return 0;
  const statement = mostlyNews
    ? { name: 'raise_last_seen_news', text: RAISE_NEWS }
    : { name: 'raise_last_seen', text: RAISE_LAST_SEEN };
  const { count } = await tx.query({ ...statement, values: learnerArrays(learners) });
  return count;
}

/** Raises rows of the shadow table of `replay --rebuild`. */
export async function raiseShadow(tx: Queryable, learners: LearnerColumns): Promise<void> {
  if (learners.size === 0) return;
  await tx.query({ name: 'raise_shadow', text: RAISE_SHADOW, values: learnerArrays(learners) });
}

/** How many of the learners' rows would be raised, per source. */
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

/** The `SET` list of an existing row `t`. */
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

const isRaisedBy = (row: string, incoming: string) => `(
    LEAST(${row}.user_id, ${incoming}.user_id),
    GREATEST(${row}.exam_results_at, ${incoming}.exam_results_at),
    GREATEST(${row}.features_topic_daily_at, ${incoming}.features_topic_daily_at),
    GREATEST(${row}.attempt_at, ${incoming}.attempt_at),
    GREATEST(${row}.session_at, ${incoming}.session_at)
  ) IS DISTINCT FROM (
    ${row}.user_id, ${row}.exam_results_at, ${row}.features_topic_daily_at, ${row}.attempt_at, ${row}.session_at
  )`;

type Table = 'lastseen.user_last_seen' | 'lastseen.replay_shadow';

const raise = (table: Table, incoming: string) => `
WITH ${INCOMING}
INSERT INTO ${table} AS t
  (student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at)
SELECT i.*
FROM ${incoming}
ORDER BY i.student_id
ON CONFLICT (student_id) DO UPDATE SET
  ${RAISED}
WHERE ${isRaisedBy('t', 'excluded')}`;

const outdated = (table: Table) => `incoming i
LEFT JOIN ${table} s USING (student_id)
WHERE s.student_id IS NULL OR ${isRaisedBy('s', 'i')}`;

const RAISE_LAST_SEEN = raise('lastseen.user_last_seen', outdated('lastseen.user_last_seen'));
const RAISE_NEWS = raise('lastseen.user_last_seen', 'incoming i');
const RAISE_SHADOW = raise('lastseen.replay_shadow', outdated('lastseen.replay_shadow'));
