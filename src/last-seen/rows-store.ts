import type { StudentId } from '../activity/activity.ts';
import { INSTANTS_BY_SOURCE } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import { streamRows } from '../postgres/cursor.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { LearnerRow } from './fold.ts';

const ROWS = `
SELECT student_id AS "studentId", user_id AS "userId", ${INSTANTS_BY_SOURCE}
FROM lastseen.user_last_seen`;

/** The whole table, in order of the student id. */
export function streamLastSeen(snapshot: Queryable): AsyncGenerator<LearnerRow, void, undefined> {
  return streamRows(snapshot, 'last_seen_in_order', { text: `${ROWS} ORDER BY student_id` });
}

export async function readLastSeenRows(
  db: Queryable,
  studentIds: readonly StudentId[],
): Promise<ReadonlyMap<StudentId, LearnerRow>> {
  const { rows } = await db.query<LearnerRow>({
    text: `${ROWS} WHERE student_id = ANY ($1::uuid[])`,
    values: [arrayLiteral(studentIds)],
  });
  return new Map(rows.map((row) => [row.studentId, row]));
}

export async function countLastSeen(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ learners: bigint }>({
    text: 'SELECT count(*) AS learners FROM lastseen.user_last_seen',
  });
  return Number(single(rows, 'an aggregate returns one row').learners);
}
