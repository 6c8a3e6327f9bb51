import type { Instant } from '../activity/instant.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold } from '../last-seen/fold.ts';
import { closeAppliedLetters } from '../last-seen/letters-store.ts';
import { countBehind, raiseLastSeen, raiseShadow } from '../last-seen/raise-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { closeEpisodes } from '../sweep/returns-store.ts';
import { type CollectDeps, collectStages, type Flush } from '../track/collect-pipeline.ts';
import { recordReplayProgress } from './state-store.ts';
import { addTotals, noWrites, type ReplayTotals, type WriteTotals } from './totals.ts';

export interface ReplayStagesDeps extends CollectDeps {
  readonly database: Database;
  readonly replayId: string;
  /** Totals of the replay before this process. */
  readonly totals: ReplayTotals;
  readonly write: ReplayWrite;
}

export interface ReplayStages extends Stages<Flush> {
  /** Totals of the replay, with the applied flushes of this process. */
  readonly totals: ReplayTotals;
}

/** Writes a fold in the transaction that records the progress of the replay. */
export type ReplayWrite = (tx: Queryable, flush: Flush) => Promise<WriteTotals>;

/**
 * Decodes and folds records as `track` does; then one transaction writes the rows and the replay's own progress. The
 * progress of `track` is not changed, because it proves that a prefix was read without gaps. Records that cannot be
 * applied are counted, but not sent to the dead letters: `track` sends them when it reads them.
 */
export function createReplayStages(deps: ReplayStagesDeps): ReplayStages {
  let { totals } = deps;
  return {
    ...collectStages(deps, createFold),

    get totals() {
      return totals;
    },

    async apply(flush, positions) {
      // Assigned only after the commit: after an outage the same flush is applied again.
      totals = await deps.database.transaction(async (tx) => {
        const total = addTotals(totals, { counts: flush.counts, ...(await deps.write(tx, flush)) });
        await recordReplayProgress(tx, deps.replayId, positions, total);
        return total;
      });
    },
  };
}

/**
 * Writes to `user_last_seen` with the upsert of `track`.
 *
 * @param emitAt the clock for `detected_at` of the returns; undefined: the next sweep closes the episodes.
 */
export function writeLastSeen(emitAt: (() => Instant) | undefined): ReplayWrite {
  return async (tx, flush) => {
    const learners = flush.fold.columns();
    const raised = await countBehind(tx, learners);
    const rowsChanged = await raiseLastSeen(tx, learners);
    await closeAppliedLetters(tx, flush.settled, 'replay');
    const returned = emitAt === undefined || rowsChanged === 0 ? 0 : await closeEpisodes(tx, learners, emitAt());
    return { rowsChanged, raised, returned };
  };
}

/** Writes to the shadow, from which a rebuild corrects `user_last_seen`. */
export const writeShadow: ReplayWrite = async (tx, flush) => {
  await raiseShadow(tx, flush.fold.columns());
  return noWrites();
};
