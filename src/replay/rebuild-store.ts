import { instantColumns, perSource, type Source, sqlPerSource } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { must, single } from '../runtime/must.ts';

/** What a rebuild has corrected: rows, and instants per source. */
export interface Corrections {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly raised: Readonly<Record<Source, number>>;
  readonly lowered: Readonly<Record<Source, number>>;
}

/**
 * Locks `user_last_seen` against writers until the transaction ends; readers are not blocked. Locks the table before the
 * progress rows, in the order of `track`, so that the two cannot deadlock. The EXCLUSIVE mode also waits for the row locks
 * of a sweep, which a weaker mode would not.
 */
export async function lockLastSeen(tx: Queryable): Promise<void> {
  await tx.query({ text: 'LOCK TABLE lastseen.user_last_seen IN EXCLUSIVE MODE' });
  await tx.query({ text: 'SELECT FROM lastseen.track_progress ORDER BY topic, partition FOR UPDATE' });
}

/** Those of the sources that have an instant in `user_last_seen`. */
export async function sourcesInTable(db: Queryable, sources: readonly Source[]): Promise<readonly Source[]> {
  if (sources.length === 0) return [];
  const { rows } = await db.query<Record<Source, boolean>>({
    text: `SELECT ${sqlPerSource((source) => `bool_or(${source}_at IS NOT NULL) AS ${source}`)} FROM lastseen.user_last_seen`,
  });
  const hasInstants = single(rows, 'an aggregate returns one row');
  return sources.filter((source) => hasInstants[source]);
}

/** Makes `user_last_seen` equal to the shadow, and writes only rows that differ. The caller holds {@link lockLastSeen}. */
export async function correctLastSeen(tx: Queryable): Promise<Corrections> {
  const { rows } = await tx.query<Record<string, number>>({ text: CORRECT });
  const row = single(rows, 'an aggregate returns one row');
  const count = (column: string) => must(row[column], `the statement counts ${column}`);
  return {
    added: count('added'),
    changed: count('changed'),
    removed: count('removed'),
    raised: perSource((source) => count(`${source}_raised`)),
    lowered: perSource((source) => count(`${source}_lowered`)),
  };
}

const COLUMNS = `user_id, ${instantColumns()}`;
const columnsOf = (alias: string) => `${alias}.user_id, ${instantColumns(alias)}`;

const CORRECT = `
WITH differing AS MATERIALIZED (
  SELECT student_id, t.student_id IS NULL AS is_new, s.student_id IS NULL AS is_gone, ${columnsOf('s')},
    ${sqlPerSource((source) => `t.${source}_at AS ${source}_was`)}
  FROM lastseen.user_last_seen t FULL JOIN lastseen.replay_shadow s USING (student_id)
  WHERE t.student_id IS NULL OR s.student_id IS NULL OR (${columnsOf('t')}) IS DISTINCT FROM (${columnsOf('s')})
), gone AS (
  DELETE FROM lastseen.user_last_seen t USING differing d WHERE t.student_id = d.student_id AND d.is_gone
), corrected AS (
  UPDATE lastseen.user_last_seen t SET (${COLUMNS}) = (${columnsOf('d')})
  FROM differing d WHERE t.student_id = d.student_id AND NOT d.is_gone
), added AS (
  INSERT INTO lastseen.user_last_seen (student_id, ${COLUMNS})
  SELECT student_id, ${columnsOf('d')} FROM differing d WHERE is_new
)
SELECT
  count(*) FILTER (WHERE is_new)::int AS added,
  count(*) FILTER (WHERE (is_new OR is_gone) IS FALSE)::int AS changed,
  count(*) FILTER (WHERE is_gone)::int AS removed,
  ${sqlPerSource(
    (source) => `
  count(${source}_at) FILTER (WHERE ${source}_was IS NULL OR ${source}_was < ${source}_at)::int AS ${source}_raised,
  count(${source}_was) FILTER (WHERE ${source}_at IS NULL OR ${source}_at < ${source}_was)::int AS ${source}_lowered`,
  )}
FROM differing`;
