import { formatInstant, type Instant } from '../activity/instant.ts';
import type { SourceEnds } from '../freshness/judgement.ts';
import { readUsualRuns } from '../history/sweep-runs-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError, safeMessage } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { type Census, countCrossing, recordInactive, takeCensus } from './episodes-store.ts';
import { approvableSince, type Hold, holdReason } from './hold.ts';
import { closeAllEpisodes } from './returns-store.ts';
import {
  completeRun,
  discardRun,
  failRun,
  type HeldRun,
  heldRun,
  holdRun,
  openRun,
  type SweepCounts,
} from './runs-store.ts';

export interface SweepDeps {
  readonly database: Database;
  readonly newRunId: () => string;
  /** The wall clock, used only for the history and `detected_at`. Decisions depend only on the plan. */
  readonly now: () => Instant;
  /** Throws if freshness cannot be proven. Undefined skips the proof, and the run is recorded as forced. */
  readonly proveFresh: ((asOf: Instant) => Promise<SourceEnds>) | undefined;
  /** `MAX_CROSSED_SHARE`. */
  readonly maxCrossedShare: number;
  /** Publishes the outbox; returns the number of events, undefined if another relay is running. */
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
 * Runs one sweep under the lock that all sweeps share: opens a history row, proves that the table is fresh, then counts
 * and records the returns that `track` did not see, the episodes and the events in one transaction, then publishes.
 * If unusually many would cross, the transaction stores only the counts. A run killed before the commit has recorded
 * nothing. The events of a run killed after it are published by the next relay.
 *
 * @throws LastseenError `busy` if another sweep is running, `not_fresh` if freshness is not proven.
 */
export function sweep(deps: SweepDeps, plan: SweepPlan): Promise<CompletedSweep | HeldSweep> {
  const { database } = deps;
  return withLock(database, 'sweep', async () => {
    const runId = deps.newRunId();
    const detectedAt = deps.now();
    await openRun(database, runId, plan, detectedAt);
    const outcome = await decide(deps, plan, runId, detectedAt).catch(async (error: unknown) => {
      // If this fails too, the run stays "running" until the next sweep closes it; the caller needs the first error.
      await failRun(database, runId, safeMessage(error)).catch(() => {});
      throw error;
    });
    if ('status' in outcome) return outcome;
    return { status: 'completed', runId, ...outcome, published: await deps.relay() };
  });
}

async function decide(
  deps: SweepDeps,
  plan: SweepPlan,
  runId: string,
  detectedAt: Instant,
): Promise<SweepCounts | HeldSweep> {
  const sourceEnds = await deps.proveFresh?.(plan.asOf);
  return deps.database.transaction(async (tx) => {
    const census = await takeCensus(tx, plan);
    const hold = holdReason({
      ...(await readUsualRuns(tx, plan.thresholds)),
      crossing: await countCrossing(tx, plan),
      active: census.active,
      maxShare: deps.maxCrossedShare,
    });
    if (hold === undefined) return record(tx, plan, census, { runId, detectedAt, sourceEnds });
    await holdRun(tx, runId, { census, hold, sourceEnds, now: detectedAt });
    return { status: 'held', runId, ...census, ...hold };
  });
}

/**
 * Emits the events of a held run after the same proof of freshness. Each learner is checked again, so those who were seen
 * in the meantime are not flagged.
 *
 * @throws LastseenError `not_held`, `too_old`, and as {@link sweep}; the run then stays held.
 */
export function approve(deps: SweepDeps, runId: string): Promise<CompletedSweep> {
  return withLock(deps.database, 'sweep', async () => {
    const held = await heldRun(deps.database, runId);
    requireApprovable(held, deps.now());
    const { plan } = held;
    const sourceEnds = await deps.proveFresh?.(plan.asOf);
    const detectedAt = deps.now();
    const counts = await deps.database.transaction(async (tx) =>
      record(tx, plan, await takeCensus(tx, plan), { runId, detectedAt, sourceEnds }),
    );
    return { status: 'completed', runId, ...counts, published: await deps.relay() };
  });
}

function requireApprovable({ runId, plan, startedAt }: HeldRun, now: Instant): void {
  const since = approvableSince(now);
  if (plan.asOf >= since || startedAt >= since) return;
  throw new LastseenError(
    'too_old',
    `run ${runId} decided for ${formatInstant(plan.asOf)}, more than 3 days ago, and cannot be approved: ` +
      `run \`lastseen sweep\` again, and drop this run with \`lastseen sweep discard ${runId}\``,
  );
}

/** @throws LastseenError `not_held`, `busy`. */
export function discard(database: Database, runId: string): Promise<void> {
  return withLock(database, 'sweep', async () => {
    await heldRun(database, runId);
    await discardRun(database, runId);
  });
}

interface Run {
  readonly runId: string;
  readonly detectedAt: Instant;
  readonly sourceEnds: SourceEnds | undefined;
}

async function record(tx: Queryable, plan: SweepPlan, census: Census, run: Run): Promise<SweepCounts> {
  const { runId, detectedAt, sourceEnds } = run;
  const returned = BigInt(await closeAllEpisodes(tx, detectedAt));
  const recorded = await recordInactive(tx, plan, runId, detectedAt);
  const counts = { ...census, ...recorded, returned };
  await completeRun(tx, runId, { counts, sourceEnds, now: detectedAt });
  return counts;
}
