import { instantColumns, sqlPerSource } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { columnsOf, type LearnerRow } from './fold.ts';
import { LEARNER_ARRAY_COUNT, learnerArrays, rowParameters } from './learner-arrays.ts';

/** A row as it was when it was compared, and as it becomes; without any instant it is deleted. */
export interface RowChange {
  readonly before: LearnerRow;
  readonly after: LearnerRow;
}

/**
 * Replaces rows. Besides the correction of a rebuild, the only statement that lowers last seen. Under its lock, a row is
 * changed only if it is still as it was compared: a row that `track` has raised since does not change.
 *
 * @param changes sorted by student id, so that rows are locked in the same order as by other statements.
 */
export async function lowerLastSeen(
  tx: Queryable,
  changes: readonly RowChange[],
): Promise<{ readonly changed: number; readonly deleted: number }> {
  if (changes.length === 0) return { changed: 0, deleted: 0 };
  const { rows } = await tx.query<{ changed: number; deleted: number }>({
    text: LOWER,
    values: [
      ...learnerArrays(columnsOf(changes.map(({ after }) => after))),
      // Without the ids of the learners, which are the same.
      ...learnerArrays(columnsOf(changes.map(({ before }) => before))).slice(1),
    ],
  });
  return single(rows, 'an aggregate returns one row');
}

const LOWER = `
WITH wanted AS (
  SELECT * FROM unnest($1::uuid[], ${rowParameters(2)}, ${rowParameters(LEARNER_ARRAY_COUNT + 1)})
    AS u (student_id, user_id, ${instantColumns()}, before_user_id, ${sqlPerSource((source) => `before_${source}_at`)})
), locked AS (
  SELECT w.*, num_nonnulls(${instantColumns('w')}) AS instants
  FROM lastseen.user_last_seen t
  JOIN wanted w USING (student_id)
  WHERE (t.user_id, ${instantColumns('t')})
    IS NOT DISTINCT FROM (w.before_user_id, ${sqlPerSource((source) => `w.before_${source}_at`)})
  ORDER BY t.student_id
  FOR UPDATE OF t
), deleted AS (
  DELETE FROM lastseen.user_last_seen t USING locked l
  WHERE t.student_id = l.student_id AND l.instants = 0
  RETURNING t.student_id
), changed AS (
  UPDATE lastseen.user_last_seen t SET (user_id, ${instantColumns()}) = (l.user_id, ${instantColumns('l')})
  FROM locked l
  WHERE t.student_id = l.student_id AND l.instants > 0
  RETURNING t.student_id
)
SELECT (SELECT count(*) FROM changed)::int AS changed, (SELECT count(*) FROM deleted)::int AS deleted`;
