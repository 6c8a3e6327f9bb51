import type { Instant } from '../activity/instant.ts';
import type { SweepPlan } from '../inactivity/plan.ts';
import type { Database } from '../postgres/database.ts';
import { recordInactive, takeCensus } from '../postgres/episodes.ts';
import { requiringLock } from '../postgres/locks.ts';
import { closeAllEpisodes } from '../postgres/returns.ts';
import { completeRun, failRun, openRun, type SweepCounts } from '../postgres/sweep-runs.ts';

export interface SweepDeps {
  readonly database: Database;
  readonly newRunId: () => string;
  /** The wall clock, for the history and `detected_at` alone: what is decided depends on the plan only. */
  readonly now: () => Instant;
  /** Publishes what is in the outbox; the number published, undefined where another relay is at work. */
  readonly relay: () => Promise<number | undefined>;
}

export interface SweepOutcome extends SweepCounts {
  readonly runId: string;
  readonly published: number | undefined;
}

/**
 * One run of the detector: under the one lock of all sweeps, a history row, then in one transaction the returns that
 * `track` did not see, the census, the episodes and the events due; then publication. A run that dies before the commit has recorded nothing; one that
 * dies after it is published by whoever relays next.
 *
 * @throws LastseenError `busy` where another sweep is running.
 */
export function sweep(deps: SweepDeps, plan: SweepPlan): Promise<SweepOutcome> {
  return requiringLock(deps.database, 'sweep', async () => {
    const runId = deps.newRunId();
    const startedAt = deps.now();
    await openRun(deps.database, runId, plan, startedAt);
    const counts = await decide(deps, plan, runId, startedAt);
    return { runId, ...counts, published: await deps.relay() };
  });
}

async function decide(deps: SweepDeps, plan: SweepPlan, runId: string, detectedAt: Instant): Promise<SweepCounts> {
  try {
    return await deps.database.transaction(async (tx) => {
      const returned = BigInt(await closeAllEpisodes(tx, detectedAt));
      const census = await takeCensus(tx, plan);
      const recorded = await recordInactive(tx, plan, runId, detectedAt);
      const counts = { ...census, ...recorded, returned };
      await completeRun(tx, runId, counts);
      return counts;
    });
  } catch (error) {
    await failRun(deps.database, runId, (error as Error).message).catch(() => {
      // The run stays "running" in the history until the next sweep closes it; the first error is the one to tell.
    });
    throw error;
  }
}
