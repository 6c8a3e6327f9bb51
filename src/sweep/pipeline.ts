import { formatInstant, type Instant } from '../activity/instant.ts';
import type { SourceEnds } from '../freshness/judgement.ts';
import { readRetention } from '../history/retention-store.ts';
import { readUsualRuns } from '../history/sweep-runs-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError, safeMessage } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { collectCandidates, emptyCandidates } from './candidates-store.ts';
import { type Census, takeCensus } from './census-store.ts';
import { LIVE, VERIFIED } from './detection-tables.ts';
import { countCrossing, recordInactive } from './episodes-store.ts';
import { approvableSince, type Hold, holdReason } from './hold.ts';
import { requireKnownSilences } from './known-silences.ts';
import { closeAllEpisodes } from './returns-store.ts';
import {
  completeRun,
  contradictRun,
  discardRun,
  failRun,
  type HeldRun,
  heldRun,
  holdRun,
  NOT_VERIFIED,
  openRun,
  type SweepCounts,
  type Verified,
} from './runs-store.ts';
import { contradictedError, type VerifyDeps, verifyCandidates } from './verify-pipeline.ts';

export interface SweepDeps {
  readonly database: Database;
  readonly newRunId: () => string;
  /** The wall clock, used only for the history and `detected_at`. Decisions depend only on the plan. */
  readonly now: () => Instant;
  /** Throws if freshness cannot be proven. Undefined skips the proof, and the run is recorded as forced. */
  readonly proveFresh: ((asOf: Instant) => Promise<SourceEnds>) | undefined;
  /** Looks up in the source tables who would cross. Undefined if `SWEEP_VERIFY=off`. */
  readonly verify?: VerifyDeps | undefined;
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
 * Runs one sweep under the lock that all sweeps share: opens a history row, proves that the table is fresh, and counts who
 * would cross. If these are unusually many, it stores only the counts. Otherwise it looks them up in the source tables,
 * records the returns that `track` did not see, the episodes and the events in one transaction, then publishes.
 * A run killed before the commit has recorded nothing. The events of a run killed after it are published by the next relay.
 *
 * @throws LastseenError `busy` if another sweep is running, `usage` if the window reaches back to pruned silences, `not_fresh`
 * if freshness is not proven, `contradicted` if a learner who would cross has a later activity in the source tables than in
 * last seen.
 */
export function sweep(deps: SweepDeps, plan: SweepPlan): Promise<CompletedSweep | HeldSweep> {
  const { database } = deps;
  return withLock(database, 'sweep', async () => {
    // `prune` raises the floor under the same lock.
    requireKnownSilences(plan, (await readRetention(database)).floor);
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
  const { census, hold } = await deps.database.transaction(async (tx) => {
    const census = await takeCensus(tx, plan);
    const hold = holdReason({
      ...(await readUsualRuns(tx, plan.thresholds)),
      crossing: await (deps.verify === undefined ? countCrossing : collectCandidates)(tx, plan),
      active: census.active,
      maxShare: deps.maxCrossedShare,
    });
    if (hold !== undefined) {
      if (deps.verify !== undefined) await emptyCandidates(tx);
      await holdRun(tx, runId, { census, hold, sourceEnds, now: detectedAt });
    }
    return { census, hold };
  });
  if (hold !== undefined) return { status: 'held', runId, ...census, ...hold };
  const verified = await verify(deps, plan, runId);
  return deps.database.transaction((tx) => record(tx, plan, census, { runId, detectedAt, sourceEnds, verified }));
}

/** Looks up the collected candidates. Undefined if that is switched off. */
async function verify({ database, verify }: SweepDeps, plan: SweepPlan, runId: string): Promise<Verified | undefined> {
  if (verify === undefined) return undefined;
  const verification = await verifyCandidates(database, verify, plan.asOf);
  if (verification.contradicted > 0n) {
    const error = contradictedError(verification);
    await contradictRun(database, runId, verification, firstLine(error.message));
    throw error;
  }
  return { verified: verification.verified, returnedCandidates: verification.returned };
}

const firstLine = (text: string) => text.replace(/\n.*/s, '');

/**
 * Emits the events of a held run after the same proof of freshness and the same look at the source tables. Each learner is
 * checked again, so those who were seen in the meantime are not flagged.
 *
 * @throws LastseenError `not_held`, `too_old`, and as {@link sweep}; the run then stays held.
 */
export function approve(deps: SweepDeps, runId: string): Promise<CompletedSweep> {
  return withLock(deps.database, 'sweep', async () => {
    const held = await heldRun(deps.database, runId);
    requireApprovable(held, deps.now());
    const { plan } = held;
    requireKnownSilences(plan, (await readRetention(deps.database)).floor);
    const sourceEnds = await deps.proveFresh?.(plan.asOf);
    if (deps.verify !== undefined) await deps.database.transaction((tx) => collectCandidates(tx, plan));
    const verified = await verify(deps, plan, runId);
    const detectedAt = deps.now();
    const counts = await deps.database.transaction(async (tx) =>
      record(tx, plan, await takeCensus(tx, plan), { runId, detectedAt, sourceEnds, verified }),
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
  readonly verified: Verified | undefined;
}

async function record(tx: Queryable, plan: SweepPlan, census: Census, run: Run): Promise<SweepCounts> {
  const { runId, detectedAt, sourceEnds, verified } = run;
  const returned = BigInt(await closeAllEpisodes(tx, detectedAt));
  const recorded = await recordInactive(tx, plan, runId, detectedAt, verified === undefined ? LIVE : VERIFIED);
  if (verified !== undefined) await emptyCandidates(tx);
  const counts = { ...census, ...recorded, returned, ...(verified ?? NOT_VERIFIED) };
  await completeRun(tx, runId, { counts, sourceEnds, now: detectedAt });
  return counts;
}
