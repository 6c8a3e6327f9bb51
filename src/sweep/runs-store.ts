import { formatInstant, type Instant } from '../activity/instant.ts';
import type { SourceEnds } from '../freshness/judgement.ts';
import type { SweepRun } from '../history/sweep-runs-store.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { NewerCounts } from './candidates-store.ts';
import type { Census } from './census-store.ts';
import type { RecordedCounts } from './episodes-store.ts';
import { approvableSince, type Hold } from './hold.ts';

/** Learners who would have crossed; null if they were not looked up in the source tables. */
export interface Verified {
  readonly verified: bigint | null;
  /** Seen again meanwhile, by the source tables and by last seen: they did not cross. */
  readonly returnedCandidates: bigint | null;
}

export const NOT_VERIFIED: Verified = { verified: null, returnedCandidates: null };

/** What a sweep counted and recorded. All counts are learners. */
export interface SweepCounts extends Census, RecordedCounts, Verified {
  /** Learners whose open episodes this run closed: they were seen again, but not through `track`. */
  readonly returned: bigint;
}

/**
 * Opens the history row of a run. Call it under the sweep lock: runs still marked running then belong to processes
 * that have exited, and are closed as failed.
 */
export async function openRun(db: Queryable, runId: string, plan: SweepPlan, startedAt: Instant): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_run SET status = 'failed', failure = 'process exited without recording a result', finished_at = $1
WHERE status = 'running'`,
    values: [formatInstant(startedAt)],
  });
  await db.query({
    text: `
INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, row_limit, refresh, status, started_at)
VALUES ($1, $2, $3, $4, $5, $6, 'running', $7)`,
    values: [
      runId,
      formatInstant(plan.asOf),
      arrayLiteral(plan.thresholds),
      plan.lookbackDays,
      plan.limit ?? null,
      plan.refresh,
      formatInstant(startedAt),
    ],
  });
}

interface Decided {
  /** Undefined if freshness was not proven: the run is then recorded as forced. */
  readonly sourceEnds: SourceEnds | undefined;
  readonly now: Instant;
}

/**
 * Call it in the transaction that records the episodes, so that the events of a completed run exist. See
 * {@link supersedeHeld}.
 */
export async function completeRun(
  tx: Queryable,
  runId: string,
  { counts, sourceEnds, now }: Decided & { readonly counts: SweepCounts },
): Promise<void> {
  await tx.query({
    text: `
UPDATE lastseen.sweep_run SET
  status = 'completed', active = $2, inactive = $3, crossed = $4, ongoing = $5, unresolved = $6, undecidable = $7,
  returned = $8, forced = forced OR $9, source_ends = $10, doubtful = $11, verified = $12, returned_candidates = $13,
  contradicted = CASE WHEN $12::bigint IS NOT NULL THEN 0 END, failure = NULL, finished_at = clock_timestamp()
WHERE run_id = $1`,
    values: [
      runId,
      counts.active,
      counts.inactive,
      counts.crossed,
      counts.ongoing,
      counts.unresolved,
      counts.undecidable,
      counts.returned,
      sourceEnds === undefined,
      endsJson(sourceEnds),
      counts.doubtful,
      counts.verified,
      counts.returnedCandidates,
    ],
  });
  await supersedeHeld(tx, runId, now);
}

/** Stores the counts of a run that waits for approval. Otherwise as {@link completeRun}. */
export async function holdRun(
  tx: Queryable,
  runId: string,
  { census, hold, sourceEnds, now }: Decided & { readonly census: Census; readonly hold: Hold },
): Promise<void> {
  await tx.query({
    text: `
UPDATE lastseen.sweep_run SET
  status = 'held', active = $2, inactive = $3, unresolved = $4, undecidable = $5,
  crossing = $6, crossing_limit = $7, held_because = $8, forced = $9, source_ends = $10, doubtful = $11,
  finished_at = clock_timestamp()
WHERE run_id = $1`,
    values: [
      runId,
      census.active,
      census.inactive,
      census.unresolved,
      census.undecidable,
      hold.crossing,
      hold.limit,
      hold.because,
      sourceEnds === undefined,
      endsJson(sourceEnds),
      census.doubtful,
    ],
  });
  await supersedeHeld(tx, runId, now);
}

/**
 * Supersedes the held runs that this run decides again: those of the same thresholds and lookback, and of an as-of that is
 * not later. A completed run also supersedes those that can no longer be approved. A run with a limit supersedes none.
 */
async function supersedeHeld(tx: Queryable, runId: string, now: Instant): Promise<void> {
  await tx.query({
    text: `
UPDATE lastseen.sweep_run held SET status = 'superseded'
FROM lastseen.sweep_run run
WHERE run.run_id = $1 AND run.row_limit IS NULL
  AND held.status = 'held' AND held.run_id <> run.run_id
  AND (
    (held.thresholds, held.lookback_days) = (run.thresholds, run.lookback_days) AND held.as_of <= run.as_of
    OR run.status = 'completed' AND GREATEST(held.as_of, held.started_at) < $2::timestamptz
  )`,
    values: [runId, formatInstant(approvableSince(now))],
  });
}

/** Offsets as strings, because JSON readers may not represent large integers exactly. */
function endsJson(ends: SourceEnds | undefined): string | null {
  return ends === undefined
    ? null
    : JSON.stringify(Object.fromEntries([...ends].map(([source, end]) => [source, `${end}`])));
}

export async function failRun(db: Queryable, runId: string, failure: string): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_run SET status = 'failed', failure = $2, finished_at = clock_timestamp()
WHERE run_id = $1 AND status = 'running'`,
    values: [runId, failure],
  });
}

/** Records that candidates were contradicted. A running run has failed; a held one stays held. */
export async function contradictRun(
  db: Queryable,
  runId: string,
  { verified, returned, contradicted }: NewerCounts & { readonly verified: bigint },
  failure: string,
): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_run SET
  verified = $2, returned_candidates = $3, contradicted = $4, failure = $5, finished_at = clock_timestamp(),
  status = CASE WHEN status = 'running' THEN 'failed' ELSE status END
WHERE run_id = $1`,
    values: [runId, verified, returned, contradicted, failure],
  });
}

export interface HeldRun {
  readonly runId: string;
  readonly plan: SweepPlan;
  readonly startedAt: Instant;
}

/**
 * Reads a held run. Call it under the sweep lock: the run then stays held.
 *
 * @throws LastseenError `not_held`.
 */
export async function heldRun(db: Queryable, runId: string): Promise<HeldRun> {
  const { rows } = await db.query<
    Omit<SweepPlan, 'limit'> & { status: SweepRun['status']; limit: number | null; startedAt: Instant }
  >({
    text: `
SELECT status, as_of AS "asOf", thresholds, lookback_days AS "lookbackDays", refresh, row_limit AS limit,
  started_at AS "startedAt"
FROM lastseen.sweep_run WHERE run_id = $1`,
    values: [runId],
  });
  const [run] = rows;
  if (run?.status !== 'held') {
    const why = run === undefined ? 'does not exist' : `is ${run.status}, not held`;
    throw new LastseenError('not_held', `run ${runId} ${why}; \`lastseen sweep runs\` lists the runs`);
  }
  const { status: _, startedAt, limit, ...plan } = run;
  return { runId, plan: { ...plan, limit: limit ?? undefined }, startedAt };
}

/** Call it under the sweep lock, for a held run. */
export async function discardRun(db: Queryable, runId: string): Promise<void> {
  await db.query({
    text: `UPDATE lastseen.sweep_run SET status = 'discarded' WHERE run_id = $1 AND status = 'held'`,
    values: [runId],
  });
}
