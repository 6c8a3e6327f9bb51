import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { SourceVolume } from './usual-volume.ts';

/** What earlier runs say of usual ones. */
export interface UsualRuns {
  /** Who crossed in the newest runs of exactly these thresholds, at most 14. */
  readonly crossed: readonly bigint[];
  /** Every threshold that was ever swept. */
  readonly thresholds: ReadonlySet<number>;
}

const ORDINARY = `
  status = 'completed' AND row_limit IS NULL AND NOT forced AND as_of >= started_at - interval '24 hours'`;

/**
 * Of ordinary completed runs alone: those with a limit, forced ones, and those of an as-of more than a day before
 * their start say nothing about a usual day.
 */
export async function readUsualRuns(db: Queryable, thresholds: readonly number[]): Promise<UsualRuns> {
  const crossed = await db.query<{ crossed: bigint }>({
    text: `
SELECT crossed FROM lastseen.sweep_run
WHERE ${ORDINARY}
  AND thresholds = $1::int[]
ORDER BY started_at DESC
LIMIT 14`,
    values: [arrayLiteral(thresholds)],
  });
  const known = await db.query<{ days: number }>({
    text: `
SELECT DISTINCT unnest(thresholds) AS days FROM lastseen.sweep_run
WHERE ${ORDINARY}`,
  });
  return { crossed: crossed.rows.map((run) => run.crossed), thresholds: new Set(known.rows.map(({ days }) => days)) };
}

/** The ends of each source's topic at the completed runs of the last sixteen days. */
export async function readSourceVolumes(db: Queryable): Promise<ReadonlyMap<Source, readonly SourceVolume[]>> {
  const { rows } = await db.query<{ source: Source; at: Instant; records: bigint }>({
    text: `
SELECT ends.key AS source, finished_at AS at, ends.value::int8 AS records
FROM lastseen.sweep_run, jsonb_each_text(source_ends) ends
WHERE status = 'completed' AND source_ends IS NOT NULL AND finished_at > now() - interval '16 days'
ORDER BY finished_at`,
  });
  return Map.groupBy(rows, ({ source }) => source);
}

/** How a run can have ended, or not yet. */
export const SWEEP_STATUSES = ['running', 'completed', 'failed', 'held', 'superseded', 'discarded'] as const;

/** A row of the history as people and machines are shown it. */
export interface SweepRun {
  readonly run_id: string;
  readonly status: (typeof SWEEP_STATUSES)[number];
  readonly as_of: Instant;
  readonly thresholds: readonly number[];
  readonly lookback_days: number;
  readonly row_limit: number | null;
  readonly forced: boolean;
  readonly active: bigint | null;
  readonly inactive: bigint | null;
  readonly crossed: bigint | null;
  readonly ongoing: bigint | null;
  readonly returned: bigint | null;
  /** Of a held run: who would cross, how many would not have been held, and why. */
  readonly crossing: bigint | null;
  readonly crossing_limit: bigint | null;
  readonly held_because: string | null;
  readonly failure: string | null;
  readonly started_at: Instant;
  readonly finished_at: Instant | null;
}

/** The newest runs, newest first. */
export async function listRuns(db: Queryable, most: number): Promise<readonly SweepRun[]> {
  const { rows } = await db.query<SweepRun>({
    text: `
SELECT run_id, status, as_of, thresholds, lookback_days, row_limit, forced, active, inactive, crossed, ongoing,
  returned, crossing, crossing_limit, held_because, failure, started_at, finished_at
FROM lastseen.sweep_run
ORDER BY started_at DESC, run_id DESC
LIMIT $1`,
    values: [most],
  });
  return rows;
}

export interface SweepState {
  /** How many runs the history has of each status; those it has none of are left out. */
  readonly runs: ReadonlyMap<SweepRun['status'], bigint>;
  /** The completed run that ended last. */
  readonly completed?: { readonly finishedAt: Instant; readonly found: SweepFound };
}

type SweepFound = Readonly<Record<'active' | 'inactive' | 'crossed' | 'ongoing' | 'returned', bigint | null>>;

/** What is shown of the history while nobody asks for it. */
export async function readSweepState(db: Queryable): Promise<SweepState> {
  const counted = await db.query<{ status: SweepRun['status']; runs: bigint }>({
    text: 'SELECT status, count(*) AS runs FROM lastseen.sweep_run GROUP BY status',
  });
  const newest = await db.query<SweepFound & { finished_at: Instant }>({
    text: `
SELECT finished_at, active, inactive, crossed, ongoing, returned
FROM lastseen.sweep_run
WHERE status = 'completed'
ORDER BY finished_at DESC
LIMIT 1`,
  });
  const runs = new Map(counted.rows.map((row) => [row.status, row.runs]));
  const [row] = newest.rows;
  if (row === undefined) return { runs };
  const { finished_at, ...found } = row;
  return { runs, completed: { finishedAt: finished_at, found } };
}
