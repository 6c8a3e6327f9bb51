import type { StudentId } from '../activity/activity.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { learnerKeySql, unpaddedSql } from '../activity/learner.ts';
import { activityInstant } from '../activity/source.ts';
import { streamRows } from '../postgres/cursor.ts';
import type { Queryable } from '../postgres/database.ts';
import { IS_VALID } from './totals-store.ts';

/** The exams of one learner, oldest first; both arrays have one item per exam. */
export interface LearnerExams {
  readonly studentId: StudentId;
  /** Seconds since 1970, exact to the microsecond. */
  readonly at: readonly number[];
  readonly sessions: readonly string[];
}

/**
 * Streams the exams of all learners in order of student id. Rows without a learner or an instant are left out.
 *
 * @param until later exams are left out.
 */
export function readExams(snapshot: Queryable, until: Instant): AsyncGenerator<LearnerExams, void, undefined> {
  return streamRows(snapshot, 'exams', { text: EXAMS, values: [formatInstant(until)] });
}

const EXAMS = `
SELECT ${learnerKeySql('name')} AS "studentId", array_agg(extract(epoch FROM at)::float8 ORDER BY at) AS at,
  array_agg(session_id ORDER BY at) AS sessions
FROM (
  SELECT ${unpaddedSql('user_id')} AS name, ${activityInstant('exam_results')}::timestamptz AS at, session_id
  FROM public.exam_results
  WHERE user_id IS NOT NULL
  OFFSET 0
) AS exam
WHERE name <> '' AND ${IS_VALID}
GROUP BY 1
ORDER BY 1`;
