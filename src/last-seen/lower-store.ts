import { instantColumns, sqlPerSource } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { columnsOf, type LearnerRow } from './fold.ts';
import { LEARNER_ARRAY_COUNT, learnerArrays, rowParameters } from './learner-arrays.ts';

/** A row as it was when it was compared, and its replacement. A replacement without any instant deletes the row. */
export interface SetBack {
  readonly seen: LearnerRow;
  readonly target: LearnerRow;
}

/**
 * Replaces rows: the only statement that lowers last seen. Under its lock, a row is changed only if it is still as it was
 * compared: a row that `track` has raised since does not change.
 *
 * @param changes sorted by student id, so that rows are locked in the same order as by other statements.
 */
export async function setBackLastSeen(
  tx: Queryable,
  changes: readonly SetBack[],
): Promise<{ readonly changed: number; readonly deleted: number }> {
  if (changes.length === 0) return { changed: 0, deleted: 0 };
  const { rows } = await tx.query<{ changed: number; deleted: number }>({
    text: SET_BACK,
    values: [
      ...learnerArrays(columnsOf(changes.map(({ target }) => target))),
      // Without the ids of the learners, which are the same.
      ...learnerArrays(columnsOf(changes.map(({ seen }) => seen))).slice(1),
    ],
  });
  return rows[0] ?? { changed: 0, deleted: 0 };
}

const SET_BACK = `
WITH wanted AS (
  SELECT * FROM unnest($1::uuid[], ${rowParameters(2)}, ${rowParameters(LEARNER_ARRAY_COUNT + 1)})
    AS u (student_id, user_id, ${instantColumns()}, seen_user_id, ${sqlPerSource((source) => `seen_${source}_at`)})
), held AS (
  SELECT w.*, num_nonnulls(${instantColumns('w')}) AS instants
  FROM lastseen.user_last_seen t
  JOIN wanted w USING (student_id)
  WHERE (t.user_id, ${instantColumns('t')})
    IS NOT DISTINCT FROM (w.seen_user_id, ${sqlPerSource((source) => `w.seen_${source}_at`)})
  ORDER BY t.student_id
  FOR UPDATE OF t
), gone AS (
  DELETE FROM lastseen.user_last_seen t USING held h
  WHERE t.student_id = h.student_id AND h.instants = 0
  RETURNING t.student_id
), changed AS (
  UPDATE lastseen.user_last_seen t SET (user_id, ${instantColumns()}) = (h.user_id, ${instantColumns('h')})
  FROM held h
  WHERE t.student_id = h.student_id AND h.instants > 0
  RETURNING t.student_id
)
SELECT (SELECT count(*) FROM changed)::int AS changed, (SELECT count(*) FROM gone)::int AS deleted`;
