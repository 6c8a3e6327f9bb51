import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';

/** What a rebuild has corrected: rows, and of those that stayed the instants of each source. */
export interface Corrections {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly raised: Readonly<Record<Source, number>>;
  readonly setBack: Readonly<Record<Source, number>>;
}

/**
 * Lets whoever is writing last seen finish, and everybody else who wants to write it wait, until the transaction ends.
 * Readers go on. The table first, then progress: as `track` does, so that neither waits for the other. A sweep's locks on
 * rows are waited for too, which is why it is this lock and no weaker one.
 */
export async function lockLastSeen(tx: Queryable): Promise<void> {
  await tx.query({ text: 'LOCK TABLE lastseen.user_last_seen IN EXCLUSIVE MODE' });
  await tx.query({ text: 'SELECT FROM lastseen.track_progress ORDER BY topic, partition FOR UPDATE' });
}

/** Which of these sources the table knows something of. */
export async function knownSources(db: Queryable, sources: readonly Source[]): Promise<readonly Source[]> {
  if (sources.length === 0) return [];
  const { rows } = await db.query<Record<Source, boolean>>({
    text: `SELECT ${SOURCES.map((source) => `bool_or(${source}_at IS NOT NULL) AS ${source}`).join(', ')} FROM lastseen.user_last_seen`,
  });
  return sources.filter((source) => rows[0]?.[source]);
}

/** Makes last seen what the shadow is, row by row where they differ. To be called under {@link lockLastSeen}. */
export async function correctLastSeen(tx: Queryable): Promise<Corrections> {
  const { rows } = await tx.query<Record<string, number>>({ text: CORRECT });
  const [row] = rows;
  if (row === undefined) throw new Error('a count came back without a row');
  const bySource = (what: 'raised' | 'back') =>
    Object.fromEntries(SOURCES.map((source) => [source, row[`${source}_${what}`]])) as Record<Source, number>;
  const { added = 0, changed = 0, removed = 0 } = row;
  return { added, changed, removed, raised: bySource('raised'), setBack: bySource('back') };
}

const COLUMNS = ['user_id', ...SOURCES.map((source) => `${source}_at`)];
const of = (alias: string) => COLUMNS.map((column) => `${alias}.${column}`).join(', ');

const CORRECT = `
WITH differing AS MATERIALIZED (
  SELECT student_id, t.student_id IS NULL AS is_new, s.student_id IS NULL AS is_gone, ${of('s')},
    ${SOURCES.map((source) => `t.${source}_at AS ${source}_was`).join(', ')}
  FROM lastseen.user_last_seen t FULL JOIN lastseen.replay_shadow s USING (student_id)
  WHERE t.student_id IS NULL OR s.student_id IS NULL OR (${of('t')}) IS DISTINCT FROM (${of('s')})
), gone AS (
  DELETE FROM lastseen.user_last_seen t USING differing d WHERE t.student_id = d.student_id AND d.is_gone
), corrected AS (
  UPDATE lastseen.user_last_seen t SET (${COLUMNS.join(', ')}) = (${of('d')})
  FROM differing d WHERE t.student_id = d.student_id AND NOT d.is_gone
), added AS (
  INSERT INTO lastseen.user_last_seen (student_id, ${COLUMNS.join(', ')})
  SELECT student_id, ${of('d')} FROM differing d WHERE is_new
)
SELECT
  count(*) FILTER (WHERE is_new)::int AS added,
  count(*) FILTER (WHERE NOT is_new AND NOT is_gone)::int AS changed,
  count(*) FILTER (WHERE is_gone)::int AS removed,
  ${SOURCES.flatMap((source) => [
    `count(${source}_at) FILTER (WHERE ${source}_was IS NULL OR ${source}_was < ${source}_at)::int AS ${source}_raised`,
    `count(${source}_was) FILTER (WHERE ${source}_at IS NULL OR ${source}_at < ${source}_was)::int AS ${source}_back`,
  ]).join(',\n  ')}
FROM differing`;
