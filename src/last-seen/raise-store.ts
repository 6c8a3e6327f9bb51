import { instantColumns, type Source, sqlPerSource } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { LearnerColumns } from './fold.ts';
import { learnerArrays, rowParameters } from './learner-arrays.ts';

/**
 * Raises the learners' rows, each source to its newest instant; nothing is ever lowered. Rows that are up to date are
 * neither locked nor written: a join leaves them out before the upsert, which checks again, because another instance may
 * have written in between.
 *
 * @param learners in any order: the statement sorts them, so that two instances lock in the same order.
 * @param mostRowsChange whether almost all rows will be raised: then the join costs more than it saves, and is left out. The
 *   result is the same, but rows that are up to date are locked.
 * @returns how many rows were inserted or changed.
 */
export async function raiseLastSeen(tx: Queryable, learners: LearnerColumns, mostRowsChange = false): Promise<number> {
  if (learners.size === 0) return 0;
  const text = mostRowsChange ? RAISE_UNFILTERED : RAISE_LAST_SEEN;
  const { count } = await tx.query({ text, values: learnerArrays(learners) });
  return count;
}

/** Raises rows of the shadow table of `replay --rebuild`. */
export async function raiseShadow(tx: Queryable, learners: LearnerColumns): Promise<void> {
  if (learners.size === 0) return;
  await tx.query({ text: RAISE_SHADOW, values: learnerArrays(learners) });
}

/** How many of the learners' rows would be raised, per source. */
export async function countBehind(tx: Queryable, learners: LearnerColumns): Promise<Record<Source, number>> {
  const { rows: counts } = await tx.query<Record<Source, number>>({
    text: `
WITH ${INCOMING_CTE}
SELECT
  ${sqlPerSource(
    (source) =>
      `count(i.${source}_at) FILTER (WHERE s.${source}_at IS NULL OR s.${source}_at < i.${source}_at)::int AS ${source}`,
  )}
FROM incoming i LEFT JOIN lastseen.user_last_seen s USING (student_id)`,
    values: learnerArrays(learners),
  });
  return single(counts, 'an aggregate returns one row');
}

/** The `SET` list of an existing row `t`. */
export const RAISE_SET_LIST = `user_id = LEAST(t.user_id, excluded.user_id),
  ${sqlPerSource((source) => `${source}_at = GREATEST(t.${source}_at, excluded.${source}_at)`)}`;

/** The learners of {@link learnerArrays}, which are the first parameters. */
export const INCOMING_CTE = `incoming AS (
  SELECT student_id, user_id COLLATE "C" AS user_id, ${instantColumns()}
  FROM unnest($1::uuid[], ${rowParameters(2)}) AS u (student_id, user_id, ${instantColumns()})
)`;

const isRaisedBy = (row: string, incoming: string) => `(
    LEAST(${row}.user_id, ${incoming}.user_id),
    ${sqlPerSource((source) => `GREATEST(${row}.${source}_at, ${incoming}.${source}_at)`)}
  ) IS DISTINCT FROM (${row}.user_id, ${instantColumns(row)})`;

type Table = 'lastseen.user_last_seen' | 'lastseen.replay_shadow';

const raise = (table: Table, incoming: string) => `
WITH ${INCOMING_CTE}
INSERT INTO ${table} AS t (student_id, user_id, ${instantColumns()})
SELECT i.*
FROM ${incoming}
ORDER BY i.student_id
ON CONFLICT (student_id) DO UPDATE SET
  ${RAISE_SET_LIST}
WHERE ${isRaisedBy('t', 'excluded')}`;

const outdatedRows = (table: Table) => `incoming i
LEFT JOIN ${table} s USING (student_id)
WHERE s.student_id IS NULL OR ${isRaisedBy('s', 'i')}`;

const RAISE_LAST_SEEN = raise('lastseen.user_last_seen', outdatedRows('lastseen.user_last_seen'));
const RAISE_UNFILTERED = raise('lastseen.user_last_seen', 'incoming i');
const RAISE_SHADOW = raise('lastseen.replay_shadow', outdatedRows('lastseen.replay_shadow'));
