import type { Database } from '../../src/postgres/database.ts';

/**
 * Last seen of every learner, computed from the source tables in one statement. The table must equal it to the microsecond.
 */
const LAST_SEEN_OF_SOURCES = `
WITH activity AS (
  SELECT user_id, 'exam_results' AS source, coalesce(updated_at, created_at) AS at FROM exam_results
  UNION ALL SELECT user_id, 'features_topic_daily', last_seen_at FROM features_topic_daily
  UNION ALL SELECT user_id, 'session', coalesce(ended_at, started_at) FROM session
), keyed AS (
  SELECT
    CASE WHEN user_id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
      THEN user_id::uuid ELSE md5(user_id)::uuid END AS student_id,
    user_id, source, at
  FROM activity WHERE user_id <> ''
  UNION ALL SELECT student_id, NULL, 'attempt', completed_at FROM attempt WHERE student_id IS NOT NULL
)
SELECT
  student_id,
  min(user_id COLLATE "C") AS user_id,
  max(at) FILTER (WHERE source = 'exam_results') AS exam_results_at,
  max(at) FILTER (WHERE source = 'features_topic_daily') AS features_topic_daily_at,
  max(at) FILTER (WHERE source = 'attempt') AS attempt_at,
  max(at) FILTER (WHERE source = 'session') AS session_at,
  max(at) AS last_seen_at
FROM keyed WHERE at IS NOT NULL GROUP BY student_id`;

export interface Difference {
  readonly learners: bigint;
  readonly differing: bigint;
}

/** Counts the learners on either side, and those who differ in at least one column. */
export async function differenceFromSources(database: Database): Promise<Difference> {
  const { learners, differing } = await lossesAgainstSources(database);
  return { learners, differing };
}

export interface Losses extends Difference {
  /** Learners who are missing in the table, or have a later activity than the table. */
  readonly lost: bigint;
}

const SOURCE_COLUMNS = ['exam_results_at', 'features_topic_daily_at', 'attempt_at', 'session_at'];
const listed = (alias: string, columns: readonly string[]) => columns.map((column) => `${alias}.${column}`).join(', ');

/** As {@link differenceFromSources}, with the learners who differ because activity is lost. */
export async function lossesAgainstSources(database: Database): Promise<Losses> {
  const compared = ['user_id', ...SOURCE_COLUMNS, 'last_seen_at'];
  const behind = SOURCE_COLUMNS.map((column) => `s.${column} > coalesce(t.${column}, '-infinity')`).join(' OR ');
  const { rows } = await database.query<Losses>({
    text: `
SELECT
  count(*) AS learners,
  count(*) FILTER (WHERE (${listed('t', compared)}) IS DISTINCT FROM (${listed('s', compared)})) AS differing,
  count(*) FILTER (WHERE ${behind}) AS lost
FROM (${LAST_SEEN_OF_SOURCES}) s FULL JOIN lastseen.user_last_seen t USING (student_id)`,
  });
  return rows[0] ?? { learners: 0n, differing: 0n, lost: 0n };
}

/** A digest of every byte of the last-seen table. */
export async function digestOfLastSeen(database: Database): Promise<string> {
  const { rows } = await database.query<{ digest: string }>({
    text: `SELECT md5(string_agg(t::text, E'\\n' ORDER BY student_id)) AS digest FROM lastseen.user_last_seen t`,
  });
  return rows[0]?.digest ?? '';
}
