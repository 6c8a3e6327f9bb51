import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { isUuidSql, learnerKeySql, unpaddedSql } from '../activity/learner.ts';
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

/** SQL: whether an exam result contains attempts. */
export const HAS_QUESTIONS = `jsonb_typeof(result_json -> 'questions') = 'array' AND result_json -> 'questions' <> '[]'`;

/** SQL: whether `at` counts; $1 is the latest instant. */
export const IS_VALID = `at BETWEEN '2000-01-01 00:00:00Z' AND $1::timestamptz`;

/**
 * Groups by the column before the name and the student id are computed, because computing them for every row is slower
 * (OFFSET 0 keeps the planner from doing so). The C collation compares bytes, as `smallerUserId` does.
 */
const byUserId = (activity: string) => `
SELECT ${learnerKeySql('name')} AS "studentId", min(name) AS "userId", max(at) AS at
FROM (${named(`user_id::text COLLATE "C"`, activity)}) AS named
WHERE name <> ''
GROUP BY 1
ORDER BY 1`;

function named(id: string, activity: string): string {
  return `
  SELECT ${unpaddedSql('id')} AS name, at
  FROM (
    SELECT ${id} AS id, max(at) AS at
    FROM (${activity}) AS activity
    WHERE ${IS_VALID}
    GROUP BY 1
  ) AS grouped
  WHERE id IS NOT NULL
  OFFSET 0`;
}

/** Other spellings of a UUID, which a column of type text may have, are dead letters of `track`. */
const byStudentId = (activity: string) => `
SELECT name::uuid AS "studentId", NULL AS "userId", max(at) AS at
FROM (${named('student_id', activity)}) AS named
WHERE ${isUuidSql('name')}
GROUP BY 1
ORDER BY 1`;

const activity = (source: Source) =>
  `SELECT ${SOURCE_FACTS[source].learner}, ${activityInstant(source, 't')}::timestamptz AS at FROM public.${source} AS t`;

function statementOf(source: Source): string {
  return SOURCE_FACTS[source].learner === 'user_id' ? byUserId(activity(source)) : byStudentId(activity(source));
}

const ATTEMPTS_FROM_EXAMS = byUserId(`
  ${activity('exam_results')}
  WHERE ${HAS_QUESTIONS}`);
