import { formatInstant, type Instant } from '../activity/instant.ts';
import { WITH_RESULT } from '../history/audit-runs-store.ts';
import { ORDINARY } from '../history/sweep-runs-store.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { RetentionLimits } from './limits.ts';

/** Rows of one table that may be removed. */
export interface Kind {
  readonly name: string;
  readonly table: `lastseen.${string}`;
  readonly limit: keyof RetentionLimits;
  /** SQL: whether a row is due, with the limit as $3. */
  readonly due: string;
}

const BEFORE_WEEK = `week_start < ($3::timestamptz AT TIME ZONE 'UTC')::date`;

/** The UTC dates with the newest runs; a sweep compares itself with those of 14, and with the records since 16 days. */
const KEPT_DATES = 16;

const newestDates = (dateOf: string, among: string, by = '') => `
  SELECT run_id FROM (
    SELECT run_id, dense_rank() OVER (${by} ORDER BY (${dateOf} AT TIME ZONE 'UTC')::date DESC) AS place
    FROM lastseen.sweep_run WHERE ${among}
  ) AS dated WHERE place <= ${KEPT_DATES}`;

/**
 * Of each set of thresholds the newest ordinary runs are kept, however old they are: a sweep is compared with them, and holds a
 * threshold that has none. So are the runs that metrics show.
 */
const KEPT_SWEEPS = `
${newestDates('as_of', ORDINARY, 'PARTITION BY thresholds')}
UNION ALL ${newestDates('started_at', 'true')}
UNION ALL (SELECT run_id FROM lastseen.sweep_run WHERE status = 'completed' ORDER BY finished_at DESC LIMIT 1)
UNION ALL (
  SELECT run_id FROM lastseen.sweep_run WHERE status = 'completed' OR contradicted > 0 ORDER BY finished_at DESC LIMIT 1
)`;

/** The newest audits with a result decide whether sources are complete, and whether drift was left. */
const KEPT_AUDITS = `
  SELECT run_id FROM (
    SELECT run_id, rank() OVER (PARTITION BY source ORDER BY started_at DESC) AS place
    FROM lastseen.audit_run, unnest(sources) AS source WHERE ${WITH_RESULT}
  ) AS audited WHERE place = 1
  UNION ALL (SELECT run_id FROM lastseen.audit_run WHERE ${WITH_RESULT} ORDER BY finished_at DESC LIMIT 1)`;

/** Everything that prune removes. Open episodes, gaps, breaks, dead letters and redriven letters are in no kind. */
export const KINDS: readonly Kind[] = [
  {
    name: 'published events',
    table: 'lastseen.inactivity_outbox',
    limit: 'eventsBefore',
    due: 'published_at < $3::timestamptz',
  },
  {
    name: 'answers',
    table: 'lastseen.kpi_ledger',
    limit: 'floor',
    due: `${BEFORE_WEEK} AND published_at IS NOT NULL`,
  },
  { name: 'watermarks', table: 'lastseen.kpi_watermark', limit: 'floor', due: BEFORE_WEEK },
  // A silence ends after it has begun, and after its events.
  { name: 'closed silences', table: 'lastseen.episode', limit: 'floor', due: 'returned_as_of < $3::timestamptz' },
  {
    name: 'sweeps',
    table: 'lastseen.sweep_run',
    limit: 'runsBefore',
    due: `finished_at < $3::timestamptz AND status NOT IN ('running', 'held') AND run_id NOT IN (${KEPT_SWEEPS})`,
  },
  {
    name: 'audits',
    table: 'lastseen.audit_run',
    limit: 'runsBefore',
    due: `finished_at < $3::timestamptz AND status <> 'running' AND run_id NOT IN (${KEPT_AUDITS})`,
  },
];

export interface TableSize {
  readonly pages: number;
  /** With indexes. */
  readonly bytes: number;
}

export async function readTableSize(db: Queryable, table: string): Promise<TableSize> {
  const { rows } = await db.query<TableSize>({
    text: `
SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::int)::int AS pages,
  pg_total_relation_size($1::regclass)::float8 AS bytes`,
    values: [table],
  });
  return single(rows, 'a SELECT without FROM returns one row');
}

/** Pages of a table, from the first up to but not including the last. */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

export interface RangeCounts {
  /** All rows, before any is removed. */
  readonly rows: bigint;
  readonly due: bigint;
}

const IN_RANGE = 'ctid >= $1::tid AND ctid < $2::tid';
const valuesOf = ({ from, to }: PageRange, limit: Instant) => [`(${from},0)`, `(${to},0)`, formatInstant(limit)];

/** Counts the rows of some pages that are due. Writes and locks nothing. */
export async function countDue(db: Queryable, kind: Kind, range: PageRange, limit: Instant): Promise<RangeCounts> {
  const { rows } = await db.query<RangeCounts>({
    text: `SELECT count(*) AS rows, count(*) FILTER (WHERE ${kind.due}) AS due FROM ${kind.table} WHERE ${IN_RANGE}`,
    values: valuesOf(range, limit),
  });
  return single(rows, 'an aggregate returns one row');
}

/**
 * Removes the rows of some pages that are due. A row that another transaction changes meanwhile stays: its new version has
 * another ctid.
 */
export async function removeDue(db: Queryable, kind: Kind, range: PageRange, limit: Instant): Promise<RangeCounts> {
  const { rows } = await db.query<RangeCounts>({
    text: `
WITH removed AS (DELETE FROM ${kind.table} WHERE ${IN_RANGE} AND ${kind.due} RETURNING 1)
SELECT (SELECT count(*) FROM ${kind.table} WHERE ${IN_RANGE}) AS rows, (SELECT count(*) FROM removed) AS due`,
    values: valuesOf(range, limit),
  });
  return single(rows, 'a SELECT without FROM returns one row');
}

/** The server's clock, and where the earliest window of a held run begins, null if none is held. */
export async function readLimitInputs(db: Queryable): Promise<{ serverNow: Instant; heldSince: Instant | null }> {
  const { rows } = await db.query<{ serverNow: Instant; heldSince: Instant | null }>({
    text: `
SELECT clock_timestamp() AS "serverNow", min(as_of - lookback_days * interval '24 hours') AS "heldSince"
FROM lastseen.sweep_run WHERE status = 'held'`,
  });
  return single(rows, 'an aggregate returns one row');
}

/** Whether there are rows that only the floor allows to remove. Every answer has a watermark of its week. */
export async function hasRowsBelow(db: Queryable, floor: Instant): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>({
    text: `
SELECT EXISTS (SELECT FROM lastseen.kpi_watermark WHERE week_start < ($1::timestamptz AT TIME ZONE 'UTC')::date)
  OR EXISTS (SELECT FROM lastseen.episode WHERE returned_as_of < $1::timestamptz) AS found`,
    values: [formatInstant(floor)],
  });
  return single(rows, 'a SELECT without FROM returns one row').found;
}

/** Call it under the lock of sweeps. It never lowers the floor. */
export async function raiseFloor(db: Queryable, floor: Instant): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.retention SET week_floor = ($1::timestamptz AT TIME ZONE 'UTC')::date
WHERE week_floor IS NULL OR week_floor < ($1::timestamptz AT TIME ZONE 'UTC')::date`,
    values: [formatInstant(floor)],
  });
}

export async function recordPruned(db: Queryable): Promise<void> {
  await db.query({ text: 'UPDATE lastseen.retention SET pruned_at = clock_timestamp()' });
}
