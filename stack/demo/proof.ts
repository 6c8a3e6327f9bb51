import { formatInstant, type Instant } from '../../src/activity/instant.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import type { DemoDatabases } from './databases.ts';

/** The comparisons behind the checks, in SQL that shares no code with lastseen. */

type Tables = Pick<DemoDatabases, 'source' | 'own'>;

export interface Comparison {
  readonly compared: number;
  readonly differing: number;
}

/** Last seen, computed from the source tables, as JSON: own tables may be in another database. */
const SEEN_AT_SOURCE = `
WITH event AS (
  SELECT CASE WHEN user_id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
      THEN user_id::uuid ELSE md5(user_id)::uuid END AS student_id, user_id, at
  FROM (
    SELECT user_id, coalesce(updated_at, created_at) AS at FROM exam_results
    UNION ALL SELECT user_id, last_seen_at FROM features_topic_daily
    UNION ALL SELECT user_id, coalesce(ended_at, started_at) FROM session
  ) named
  UNION ALL SELECT student_id, NULL, completed_at FROM attempt
), seen AS (
  SELECT student_id, min(user_id COLLATE "C") AS user_id, max(at) AS last_seen_at
  FROM event WHERE student_id IS NOT NULL AND at IS NOT NULL GROUP BY student_id
)
SELECT coalesce(json_agg(seen), '[]')::text AS seen FROM seen`;

const SEEN = `
WITH seen AS (
  SELECT * FROM json_to_recordset($1::json) AS r(student_id uuid, user_id text, last_seen_at timestamptz)
)`;

async function readSeen(source: Queryable): Promise<string> {
  return (await one<{ seen: string }>(source, { text: SEEN_AT_SOURCE })).seen;
}

/** Compares last seen and user_id of every learner with the sources. */
export async function compareLastSeen({ source, own }: Tables): Promise<Comparison> {
  return one(own, {
    text: `${SEEN}
      SELECT count(*)::int AS compared, (count(*) FILTER (WHERE s.last_seen_at IS DISTINCT FROM t.last_seen_at
        OR s.user_id IS DISTINCT FROM t.user_id))::int AS differing
      FROM seen s FULL JOIN lastseen.user_last_seen t USING (student_id)`,
    values: [await readSeen(source)],
  });
}

export interface Window {
  readonly asOf: Instant;
  readonly thresholdDays: number;
  readonly lookbackDays: number;
}

/** Compares the learners who are inactive by the sources, and have a user_id, with those who got an event. */
export async function compareFlagged({ source, own }: Tables, window: Window): Promise<Comparison> {
  return one(own, {
    text: `${SEEN}, inactive AS (
        SELECT student_id, last_seen_at FROM seen
        WHERE user_id IS NOT NULL AND last_seen_at > $2::timestamptz - make_interval(hours => 24 * $4)
          AND last_seen_at <= $2::timestamptz - make_interval(hours => 24 * $3)
      )
      SELECT count(*)::int AS compared,
        (count(*) FILTER (WHERE i.last_seen_at IS DISTINCT FROM o.last_seen_at))::int AS differing
      FROM inactive i FULL JOIN (SELECT * FROM lastseen.inactivity_outbox WHERE phase = 'CROSSED') o USING (student_id)`,
    values: [await readSeen(source), formatInstant(window.asOf), window.thresholdDays, window.lookbackDays],
  });
}

/** SHA-256 (hexadecimal) of the whole table as text, ordered by student_id. */
export async function digestLastSeen(db: Queryable): Promise<string> {
  const { digest } = await one<{ digest: string }>(db, {
    text: `SELECT encode(sha256(convert_to(coalesce(string_agg(t::text, E'\\n' ORDER BY student_id), ''), 'UTF8')), 'hex') AS digest
      FROM lastseen.user_last_seen t`,
  });
  return digest;
}

/** Copies the weekly rows as other jobs left them to a schema that the connector does not capture. */
export async function keepWeekly(db: Queryable): Promise<void> {
  await db.query({ text: 'CREATE SCHEMA demo' });
  await db.query({ text: 'CREATE UNLOGGED TABLE demo.weekly_kpi_before AS TABLE weekly_kpi' });
}

/** Compares the weekly rows of flagged learners, without P and S, with the copy. Rows that were no JSON object are skipped. */
export async function compareForeignFigures(db: Queryable): Promise<Comparison> {
  return one(db, {
    text: `SELECT count(*)::int AS compared,
        (count(*) FILTER (WHERE (b.kpis - 'P' - 'S')::text IS DISTINCT FROM (w.kpis - 'P' - 'S')::text))::int AS differing
      FROM demo.weekly_kpi_before b LEFT JOIN weekly_kpi w USING (user_id, week_start)
      WHERE jsonb_typeof(b.kpis) = 'object' AND b.user_id IN (SELECT user_id FROM lastseen.inactivity_outbox)`,
  });
}

/** Compares the weekly rows of all other learners with the copy. An extra row counts as different. */
export async function compareUntouchedRows(db: Queryable): Promise<Comparison> {
  return one(db, {
    text: `SELECT count(*)::int AS compared, (count(*) FILTER (WHERE b::text IS DISTINCT FROM w::text))::int AS differing
      FROM demo.weekly_kpi_before b FULL JOIN weekly_kpi w USING (user_id, week_start)
      WHERE user_id NOT IN (SELECT user_id FROM lastseen.inactivity_outbox)`,
  });
}

/** Events in the outbox. */
export async function countEvents(db: Queryable): Promise<number> {
  return (await one<{ events: number }>(db, { text: 'SELECT count(*)::int AS events FROM lastseen.inactivity_outbox' }))
    .events;
}

/** Records that track has applied, by its progress table. */
export async function countApplied(db: Queryable): Promise<number> {
  const statement = 'SELECT coalesce(sum(next_offset), 0)::float8 AS records FROM lastseen.track_progress';
  return (await one<{ records: number }>(db, { text: statement })).records;
}

/** All events; those without a ledger row, or with a figure outside 0..1, differ. */
export async function compareAnswers(db: Queryable): Promise<Comparison> {
  return one(db, {
    text: `SELECT count(*)::int AS compared, (count(*) FILTER (WHERE l.s IS NULL OR l.s NOT BETWEEN 0 AND 1
        OR l.p NOT BETWEEN 0 AND 1 OR (w.kpis ->> 'S')::float8 IS DISTINCT FROM l.s))::int AS differing
      FROM lastseen.inactivity_outbox o LEFT JOIN lastseen.kpi_ledger l USING (user_id)
        LEFT JOIN weekly_kpi w USING (user_id, week_start)`,
  });
}

async function one<R>(db: Queryable, statement: { text: string; values?: unknown[] }): Promise<R> {
  const { rows } = await db.query<R>(statement);
  const [row] = rows;
  if (row === undefined) throw new Error('the comparison returned no row');
  return row;
}
