import type { Instant } from '../activity/instant.ts';
import type { SourceEnds } from '../freshness/judgement.ts';
import { readUsualRuns } from '../history/sweep-runs-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { safeMessage } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { type Census, countCrossing, recordInactive, takeCensus } from './episodes-store.ts';
import { type Hold, holdOf } from './hold.ts';
import { closeAllEpisodes } from './returns-store.ts';
import { completeRun, discardRun, failRun, heldPlan, holdRun, openRun, type SweepCounts } from './runs-store.ts';

export interface SweepDeps {
  readonly database: Database;
  readonly newRunId: () => string;
  /** The wall clock, for the history and `detected_at` alone: what is decided depends on the plan only. */
  readonly now: () => Instant;
  /** Throws where freshness cannot be proven; undefined: it is not asked for, which the run records as forced. */
  readonly proveFresh: ((asOf: Instant) => Promise<SourceEnds>) | undefined;
  /** `MAX_CROSSED_SHARE`. */
  readonly maxCrossedShare: number;
  /** Publishes what is in the outbox; the number published, undefined where another relay is at work. */
  readonly relay: () => Promise<number | undefined>;
}

export interface CompletedSweep extends SweepCounts {
  readonly status: 'completed';
  readonly runId: string;
  readonly published: number | undefined;
}

export interface HeldSweep extends Census, Hold {
  readonly status: 'held';
  readonly runId: string;
}

/**
 * One run of the detector: under the one lock of all sweeps, a history row, the proof that the table is fresh, then in
 * one transaction the returns that `track` did not see, the census, the episodes and the events due; then publication.
 * Where unusually many would cross, the transaction stores the figures alone. A run that dies before the commit has
 * recorded nothing; one that dies after it is published by whoever relays next.
 *
 * @throws LastseenError `busy` where another sweep is running, `not_fresh` where freshness is not proven.
 */
export function sweep(deps: SweepDeps, plan: SweepPlan): Promise<CompletedSweep | HeldSweep> {
  return withLock(deps.database, 'sweep', async () => {
    const runId = deps.newRunId();
    const detectedAt = deps.now();
    await openRun(deps.database, runId, plan, detectedAt);
    const outcome = await noting(deps, runId, async () => {
      const sourceEnds = await deps.proveFresh?.(plan.asOf);
      return deps.database.transaction(async (tx): Promise<SweepCounts | HeldSweep> => {
        const census = await takeCensus(tx, plan);
        const hold = await whatHolds(tx, deps, plan, census);
        if (hold === undefined) return record(tx, plan, census, { runId, detectedAt, sourceEnds });
        await holdRun(tx, runId, census, hold, { sourceEnds });
        return { status: 'held', runId, ...census, ...hold };
      });
    });
    if ('status' in outcome) return outcome;
    return { status: 'completed', runId, ...outcome, published: await deps.relay() };
  });
}

/**
 * Emits what a held run was to emit, after the same proof of freshness: each learner is looked at again as they are
 * now, so whoever was seen in between is not flagged.
 *
 * @throws LastseenError `not_held`, and as {@link sweep}; the run then stays held.
 */
export function approve(deps: SweepDeps, runId: string): Promise<CompletedSweep> {
  return withLock(deps.database, 'sweep', async () => {
    const plan = await heldPlan(deps.database, runId);
    const sourceEnds = await deps.proveFresh?.(plan.asOf);
    const detectedAt = deps.now();
    const counts = await deps.database.transaction(async (tx) =>
      record(tx, plan, await takeCensus(tx, plan), { runId, detectedAt, sourceEnds }),
    );
    return { status: 'completed', runId, ...counts, published: await deps.relay() };
  });
}

/** @throws LastseenError `not_held`, `busy`. */
export function discard(database: Database, runId: string): Promise<void> {
  return withLock(database, 'sweep', async () => {
    await heldPlan(database, runId);
    await discardRun(database, runId);
  });
}

interface Run {
  readonly runId: string;
  readonly detectedAt: Instant;
  readonly sourceEnds: SourceEnds | undefined;
}

async function record(tx: Queryable, plan: SweepPlan, census: Census, run: Run): Promise<SweepCounts> {
  const returned = BigInt(await closeAllEpisodes(tx, run.detectedAt));
  const recorded = await recordInactive(tx, plan, run.runId, run.detectedAt);
  const counts = { ...census, ...recorded, returned };
  await completeRun(tx, run.runId, counts, run);
  return counts;
}

async function whatHolds(
  tx: Queryable,
  deps: SweepDeps,
  plan: SweepPlan,
  { active }: Census,
): Promise<Hold | undefined> {
  const usual = await readUsualRuns(tx, plan.thresholds);
  return holdOf({
    crossing: await countCrossing(tx, plan),
    active,
    usuallyCrossed: usual.crossed,
    knownThresholds: usual.thresholds,
    maxShare: deps.maxCrossedShare,
  });
}

async function noting<T>(deps: SweepDeps, runId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await failRun(deps.database, runId, safeMessage(error)).catch(() => {
      // The run stays "running" in the history until the next sweep closes it; the first error is the one to tell.
    });
    throw error;
  }
}
