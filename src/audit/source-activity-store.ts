import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { activityInstant, SOURCE_FACTS, type Source } from '../activity/source.ts';
import { streamRows } from '../postgres/cursor.ts';
import type { Queryable } from '../postgres/database.ts';

/** One learner of a source table: newest instant, and smallest spelling of the name. */
export interface SourceActivity {
  readonly studentId: StudentId;
  readonly userId: string | null;
  readonly at: Instant;
}

/**
 * Streams the learners of a source table in order of student id, by the rules of `track`: a row without a learner or
 * without an instant is no activity, and an instant before 2000 or after `until` makes a dead letter.
 *
 * @param until instant of the snapshot plus `MAX_CLOCK_SKEW`: no row in the snapshot was committed later.
 */
export function readSourceActivity(
  snapshot: Queryable,
  source: Source,
  attemptSource: AttemptSource,
  until: Instant,
): AsyncGenerator<SourceActivity, void, undefined> {
  const text = source === 'attempt' && attemptSource === 'exam_results' ? ATTEMPTS_FROM_EXAMS : statementOf(source);
  return streamRows(snapshot, `activity_of_${source}`, { text, values: [formatInstant(until)] });
}

const IS_VALID = `at BETWEEN '2000-01-01 00:00:00Z' AND $1::timestamptz`;

/**
 * Groups by name before the student id is computed, because computing it for every row is slower. The C collation
 * compares bytes, as `smallerUserId` does.
 */
const byUserId = (activity: string) => `
SELECT
  CASE WHEN name ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
    THEN name ELSE md5(name) END::uuid AS "studentId",
  min(name) AS "userId", max(at) AS at
FROM (
  SELECT user_id::text COLLATE "C" AS name, max(at) AS at
  FROM (${activity}) AS activity
  WHERE user_id IS NOT NULL AND ${IS_VALID}
  GROUP BY 1
) AS named
GROUP BY 1
ORDER BY 1`;

const byStudentId = (activity: string) => `
SELECT student_id::uuid AS "studentId", NULL AS "userId", max(at) AS at
FROM (${activity}) AS activity
WHERE student_id IS NOT NULL AND ${IS_VALID}
GROUP BY 1
ORDER BY 1`;

const activity = (source: Source) =>
  `SELECT ${SOURCE_FACTS[source].learner}, ${activityInstant(source, 't')}::timestamptz AS at FROM public.${source} AS t`;

function statementOf(source: Source): string {
  return SOURCE_FACTS[source].learner === 'user_id' ? byUserId(activity(source)) : byStudentId(activity(source));
}

const ATTEMPTS_FROM_EXAMS = byUserId(`
  ${activity('exam_results')}
  WHERE jsonb_typeof(result_json -> 'questions') = 'array' AND result_json -> 'questions' <> '[]'`);
