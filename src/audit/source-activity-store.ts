import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { streamRows } from '../postgres/cursor.ts';
import type { Queryable } from '../postgres/database.ts';

/** What a source's table says of a learner: their newest instant and the smallest spelling of their name. */
export interface SourceActivity {
  readonly studentId: StudentId;
  readonly userId: string | null;
  readonly at: Instant;
}

/**
 * Every learner a source's table knows, by student id, as `track` reads the table's rows: without a learner or an
 * instant there is no activity, nor before 2000, nor past `until`, since such records are dead letters.
 *
 * @param until the snapshot's instant and `MAX_CLOCK_SKEW`: no row of it was committed later.
 */
export function sourceActivity(
  snapshot: Queryable,
  source: Source,
  attemptSource: AttemptSource,
  until: Instant,
): AsyncGenerator<SourceActivity, void, undefined> {
  const text = source === 'attempt' && attemptSource === 'exam_results' ? ATTEMPTS_OF_EXAMS : STATEMENTS[source];
  return streamRows(snapshot, `activity_of_${source}`, { text, values: [formatInstant(until)] });
}

const BELIEVED = `at BETWEEN '2000-01-01 00:00:00Z' AND $1::timestamptz`;

/** Names are grouped before they are made keys, which costs more; byte by byte, since spellings are told apart so. */
const byUserId = (activity: string) => `
SELECT
  CASE WHEN name ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
    THEN name ELSE md5(name) END::uuid AS "studentId",
  min(name) AS "userId", max(at) AS at
FROM (
  SELECT user_id::text COLLATE "C" AS name, max(at) AS at
  FROM (${activity}) AS activity
  WHERE user_id IS NOT NULL AND ${BELIEVED}
  GROUP BY 1
) AS named
GROUP BY 1
ORDER BY 1`;

const STATEMENTS: Readonly<Record<Source, string>> = {
  exam_results: byUserId(
    'SELECT user_id, coalesce(updated_at, created_at)::timestamptz AS at FROM public.exam_results',
  ),
  features_topic_daily: byUserId('SELECT user_id, last_seen_at::timestamptz AS at FROM public.features_topic_daily'),
  attempt: `
SELECT student_id AS "studentId", NULL AS "userId", max(at) AS at
FROM (SELECT student_id::uuid, completed_at::timestamptz AS at FROM public.attempt) AS activity
WHERE student_id IS NOT NULL AND ${BELIEVED}
GROUP BY 1
ORDER BY 1`,
  session: byUserId('SELECT user_id, coalesce(ended_at, started_at)::timestamptz AS at FROM public.session'),
};

const ATTEMPTS_OF_EXAMS = byUserId(`
  SELECT user_id, coalesce(updated_at, created_at)::timestamptz AS at
  FROM public.exam_results
  WHERE jsonb_typeof(result_json -> 'questions') = 'array' AND result_json -> 'questions' <> '[]'`);
