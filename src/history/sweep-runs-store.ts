import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { SourceVolume } from './usual-volume.ts';

/** What a usual run finds, from earlier runs. */
export interface UsualRuns {
  /** Learners who crossed on each of the newest UTC dates with runs of exactly these thresholds, at most 14 dates. */
  readonly usuallyCrossed: readonly bigint[];
  /** All thresholds that an ordinary run had. */
  readonly knownThresholds: ReadonlySet<number>;
}

/** SQL: whether a run shows a usual day. */
export const ORDINARY = `
  status = 'completed' AND row_limit IS NULL AND NOT forced AND as_of >= started_at - interval '24 hours'`;

/**
 * Reads only ordinary completed runs: runs with a limit, forced runs, and runs whose as-of is more than a day before their
 * start do not show a usual day. The runs of a UTC date are added up: if a sweep is run again until its events are
 * published, only the first run of the date finds anyone.
 */
export async function readUsualRuns(db: Queryable, thresholds: readonly number[]): Promise<UsualRuns> {
  const crossed = await db.query<{ crossed: bigint }>({
    text: `
SELECT sum(crossed)::int8 AS crossed FROM lastseen.sweep_run
WHERE ${ORDINARY}
  AND thresholds = $1::int[]
GROUP BY (as_of AT TIME ZONE 'UTC')::date
ORDER BY (as_of AT TIME ZONE 'UTC')::date DESC
LIMIT 14`,
    values: [arrayLiteral(thresholds)],
  });
  const known = await db.query<{ days: number }>({
    text: `
SELECT DISTINCT unnest(thresholds) AS days FROM lastseen.sweep_run
WHERE ${ORDINARY}`,
  });
  return {
    usuallyCrossed: crossed.rows.map((run) => run.crossed),
    knownThresholds: new Set(known.rows.map(({ days }) => days)),
  };
}

/** The sum of the end offsets of each source's topic at the completed runs of the last 16 days. */
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

export const SWEEP_STATUSES = ['running', 'completed', 'failed', 'held', 'superseded', 'discarded'] as const;

/** A row of the history, as it is printed. */
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
  /** Learners who would cross: looked up in the source tables, seen again meanwhile, and seen later only by the source tables. */
  readonly verified: bigint | null;
  readonly returned_candidates: bigint | null;
  readonly contradicted: bigint | null;
  /** Of a held run: learners who would cross, the largest number that is not held, and the reason. */
  readonly crossing: bigint | null;
  readonly crossing_limit: bigint | null;
  readonly held_because: string | null;
  readonly failure: string | null;
  readonly started_at: Instant;
  readonly finished_at: Instant | null;
}

/** The newest runs, newest first. */
export async function listRuns(db: Queryable, limit: number): Promise<readonly SweepRun[]> {
  const { rows } = await db.query<SweepRun>({
    text: `
SELECT run_id, status, as_of, thresholds, lookback_days, row_limit, forced, active, inactive, crossed, ongoing,
  returned, verified, returned_candidates, contradicted, crossing, crossing_limit, held_because, failure, started_at, finished_at
FROM lastseen.sweep_run
ORDER BY started_at DESC, run_id DESC
LIMIT $1`,
    values: [limit],
  });
  return rows;
}

export interface SweepState {
  /** Number of runs by status, without statuses that no run has. */
  readonly runs: ReadonlyMap<SweepRun['status'], bigint>;
  /** The completed run that finished last. */
  readonly completed?: { readonly finishedAt: Instant; readonly counts: FoundCounts };
  /** Of the newest run that was completed or contradicted; 0 if there is none. */
  readonly contradicted: bigint;
}

/** Learners. What a run did not count, or its release, is 0. */
type FoundCounts = Readonly<Record<(typeof FOUND)[number], bigint>>;

const FOUND = [
  'active',
  'inactive',
  'crossed',
  'ongoing',
  'returned',
  'doubtful',
  'verified',
  'returned_candidates',
] as const;

/** The history as the metrics show it. */
export async function readSweepState(db: Queryable): Promise<SweepState> {
  const counted = await db.query<{ status: SweepRun['status']; runs: bigint }>({
    text: 'SELECT status, count(*) AS runs FROM lastseen.sweep_run GROUP BY status',
  });
  const newest = await db.query<FoundCounts & { finished_at: Instant }>({
    text: `
SELECT finished_at, ${FOUND.map((what) => `coalesce(${what}, 0) AS ${what}`).join(', ')}
FROM lastseen.sweep_run
WHERE status = 'completed'
ORDER BY finished_at DESC
LIMIT 1`,
  });
  const verified = await db.query<{ contradicted: bigint }>({
    text: `
SELECT coalesce(contradicted, 0) AS contradicted
FROM lastseen.sweep_run
WHERE status = 'completed' OR contradicted > 0
ORDER BY finished_at DESC
LIMIT 1`,
  });
  const contradicted = verified.rows[0]?.contradicted ?? 0n;
  const runs = new Map(counted.rows.map((row) => [row.status, row.runs]));
  const [row] = newest.rows;
  if (row === undefined) return { runs, contradicted };
  const { finished_at, ...counts } = row;
  return { runs, contradicted, completed: { finishedAt: finished_at, counts } };
}
