import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { isUuidSql, learnerKeySql, unpaddedSql } from '../activity/learner.ts';
import { SOURCE_FACTS, type Source } from '../activity/source.ts';
import { streamRows } from '../postgres/cursor.ts';
import type { Queryable } from '../postgres/database.ts';
import { HAS_QUESTIONS, IS_VALID } from './totals-store.ts';

/** The days on which one learner was active by a source table. */
interface SourceDays {
  readonly studentId: StudentId;
  /** Whole UTC days since 1970, ascending and without repetition. */
  readonly days: readonly number[];
}

/**
 * Streams the active days of the learners of a source table in order of student id. All instants of a row count, also those
 * that last seen passes over because a later one is set: both dates of an exam, start and end of a session. Which rows and
 * instants count is as in `readSourceActivity`.
 *
 * @param until later instants are left out.
 */
export function readSourceDays(
  snapshot: Queryable,
  source: Source,
  attemptSource: AttemptSource,
  until: Instant,
): AsyncGenerator<SourceDays, void, undefined> {
  const fromExams = source === 'attempt' && attemptSource === 'exam_results';
  const text = fromExams ? statementOf('exam_results', `WHERE ${HAS_QUESTIONS}`) : statementOf(source, '');
  return streamRows(snapshot, `days_of_${source}`, { text, values: [formatInstant(until)] });
}

/** Rows become days before names become keys, because computing the key of every row is slower. */
function statementOf(source: Source, where: string): string {
  const { learner, instants } = SOURCE_FACTS[source];
  const isByName = learner === 'user_id';
  const id = isByName ? 'user_id::text COLLATE "C"' : 'student_id';
  return `
SELECT ${isByName ? learnerKeySql('name') : 'name::uuid'} AS "studentId", array_agg(DISTINCT day ORDER BY day) AS days
FROM (
  SELECT ${unpaddedSql('id')} AS name, day
  FROM (
    SELECT id, (at AT TIME ZONE 'UTC')::date - date '1970-01-01' AS day
    FROM (
      SELECT ${id} AS id, unnest(ARRAY[${instants.map((each) => `${each}::timestamptz`).join(', ')}]) AS at
      FROM public.${source} ${where}
    ) AS activity
    WHERE ${IS_VALID}
    GROUP BY 1, 2
  ) AS grouped
  WHERE id IS NOT NULL
  OFFSET 0
) AS named
WHERE ${isByName ? `name <> ''` : isUuidSql('name')}
GROUP BY 1
ORDER BY 1`;
}
