import { formatInstant, type Instant } from '../activity/instant.ts';
import type { SourceEnds } from '../freshness/judgement.ts';
import type { SweepRun } from '../history/sweep-runs-store.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Census } from './episodes-store.ts';
import type { Hold } from './hold.ts';

/** What a sweep found and recorded. All counts are learners. */
export interface SweepCounts {
  /** Seen within the lookback. */
  readonly active: bigint;
  /** Inactive as of T, whether or not an event was due, unresolved ones included. */
  readonly inactive: bigint;
  readonly crossed: bigint;
  readonly ongoing: bigint;
  /** Open episodes closed by this run, since their learner had moved on unseen by `track`. */
  readonly returned: bigint;
  /** Inactive, but known by `student_id` only: no event until a source names them. */
  readonly unresolved: bigint;
  /** Seen after T, so that the table cannot say what they were at T. */
  readonly undecidable: bigint;
}

/** How a run came to its figures, besides its plan. */
export interface RunBasis {
  /** Undefined where freshness was not asked for. */
  readonly sourceEnds: SourceEnds | undefined;
}

/**
 * Opens the history row of a run. Call it under the sweep lock: runs still marked running then belong to processes
 * that are gone, and are closed as failed.
 */
export async function openRun(db: Queryable, runId: string, plan: SweepPlan, startedAt: Instant): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_run SET status = 'failed', failure = 'ended without a word', finished_at = $1
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

/**
 * Belongs into the transaction that records the episodes, so that a completed run is one whose events exist. An older
 * run that was held is superseded.
 */
export async function completeRun(tx: Queryable, runId: string, counts: SweepCounts, basis: RunBasis): Promise<void> {
  await tx.query({
    text: `
UPDATE lastseen.sweep_run SET
  status = 'completed', active = $2, inactive = $3, crossed = $4, ongoing = $5, unresolved = $6, undecidable = $7,
  returned = $8, forced = forced OR $9, source_ends = $10, finished_at = clock_timestamp()
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
      basis.sourceEnds === undefined,
      endsJson(basis.sourceEnds),
    ],
  });
  await supersedeOthers(tx, runId);
}

/** Stores a run that waits for a person, with its figures; nothing else of it is written. */
export async function holdRun(
  tx: Queryable,
  runId: string,
  census: Census,
  hold: Hold,
  basis: RunBasis,
): Promise<void> {
  await tx.query({
    text: `
UPDATE lastseen.sweep_run SET
  status = 'held', active = $2, inactive = $3, unresolved = $4, undecidable = $5,
  crossing = $6, crossing_limit = $7, held_because = $8, forced = $9, source_ends = $10, finished_at = clock_timestamp()
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
      basis.sourceEnds === undefined,
      endsJson(basis.sourceEnds),
    ],
  });
  await supersedeOthers(tx, runId);
}

async function supersedeOthers(tx: Queryable, runId: string): Promise<void> {
  await tx.query({
    text: `UPDATE lastseen.sweep_run SET status = 'superseded' WHERE status = 'held' AND run_id <> $1`,
    values: [runId],
  });
}

/** As text: an offset may pass what a JSON number holds exactly for others. */
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

/**
 * What a held run was to decide. Call it under the sweep lock: the run then stays held.
 *
 * @throws LastseenError `not_held`.
 */
export async function heldPlan(db: Queryable, runId: string): Promise<SweepPlan> {
  const { rows } = await db.query<{
    status: SweepRun['status'];
    as_of: Instant;
    thresholds: number[];
    lookback_days: number;
    refresh: SweepPlan['refresh'];
    row_limit: number | null;
  }>({
    text: 'SELECT status, as_of, thresholds, lookback_days, refresh, row_limit FROM lastseen.sweep_run WHERE run_id = $1',
    values: [runId],
  });
  const [run] = rows;
  if (run === undefined)
    throw new LastseenError('not_held', `there is no run ${runId}; \`lastseen sweep runs\` lists them`);
  if (run.status !== 'held') throw new LastseenError('not_held', `run ${runId} is not held: it is ${run.status}`);
  return {
    asOf: run.as_of,
    thresholds: run.thresholds,
    lookbackDays: run.lookback_days,
    refresh: run.refresh,
    limit: run.row_limit ?? undefined,
  };
}

/** Call it under the sweep lock, for a run that is held. */
export async function discardRun(db: Queryable, runId: string): Promise<void> {
  await db.query({
    text: `UPDATE lastseen.sweep_run SET status = 'discarded' WHERE run_id = $1 AND status = 'held'`,
    values: [runId],
  });
}
