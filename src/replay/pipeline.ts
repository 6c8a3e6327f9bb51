import type { Instant } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold } from '../last-seen/fold.ts';
import { countBehind, raiseLastSeen, raiseShadow } from '../last-seen/raise-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { closeEpisodes } from '../sweep/returns-store.ts';
import {
  addOutcomeCounts,
  type CollectDeps,
  collecting,
  emptyOutcomeCounts,
  type Flush,
  type OutcomeCounts,
} from '../track/pipeline.ts';
import { noteReplay } from './state-store.ts';

/** What a replay has done from its beginning on, however often it was interrupted. */
export interface ReplayDone {
  readonly counts: OutcomeCounts;
  /** Rows of last seen inserted or raised. */
  readonly rowsChanged: number;
  /** Of these, the instants that were raised. */
  readonly raised: Record<Source, number>;
  /** Learners whose return was told: none unless asked for. */
  readonly returned: number;
}

export function nothingDone(): ReplayDone {
  return {
    counts: emptyOutcomeCounts(),
    rowsChanged: 0,
    raised: Object.fromEntries(SOURCES.map((source) => [source, 0])) as Record<Source, number>,
    returned: 0,
  };
}

export interface ReplayDeps extends CollectDeps {
  readonly database: Database;
  readonly replayId: string;
  /** What those before us have done. */
  readonly done: ReplayDone;
  readonly write: ReplayWrite;
  readonly onApplied: (done: ReplayDone) => void;
}

/** Applies what was folded, in the transaction that notes how far the replay is. */
type ReplayWrite = (tx: Queryable, flush: Flush) => Promise<Omit<ReplayDone, 'counts'>>;

/**
 * Records that were read before are read again, to the same rows: decode and fold as `track` does; then one transaction
 * with the rows and how far the replay is. `track`'s own progress is left alone, since it is the proof of a prefix
 * without gaps, and so are dead letters: `track` has sent them when it read these records. They are counted.
 */
export function createReplay(deps: ReplayDeps): Stages<Flush> {
  let { done } = deps;
  return {
    ...collecting(deps, createFold),

    async apply(flush, positions) {
      // Not before the commit: after an outage the same flush is applied again.
      done = await deps.database.transaction(async (tx) => {
        const total = added(done, flush.counts, await deps.write(tx, flush));
        await noteReplay(tx, deps.replayId, positions, total);
        return total;
      });
      deps.onApplied(done);
    },
  };
}

/**
 * Into the table itself, by `track`'s own upsert. Returns are told where `emit` gives the clock for `detected_at`; else
 * the episodes stay open for the next sweep to close.
 */
export function intoLastSeen(emit: (() => Instant) | undefined): ReplayWrite {
  return async (tx, flush) => {
    const learners = flush.fold.columns();
    const raised = await countBehind(tx, learners);
    const rowsChanged = await raiseLastSeen(tx, learners);
    const returned = emit === undefined || rowsChanged === 0 ? 0 : await closeEpisodes(tx, learners, emit());
    return { rowsChanged, raised, returned };
  };
}

/** Into the shadow that the table is to be corrected by. */
export const intoShadow: ReplayWrite = async (tx, flush) => {
  await raiseShadow(tx, flush.fold.columns());
  const { counts: _counts, ...nothing } = nothingDone();
  return nothing;
};

function added(before: ReplayDone, counts: OutcomeCounts, more: Omit<ReplayDone, 'counts'>): ReplayDone {
  const total = emptyOutcomeCounts();
  addOutcomeCounts(total, before.counts);
  addOutcomeCounts(total, counts);
  return {
    counts: total,
    rowsChanged: before.rowsChanged + more.rowsChanged,
    raised: Object.fromEntries(
      SOURCES.map((source) => [source, before.raised[source] + more.raised[source]]),
    ) as ReplayDone['raised'],
    returned: before.returned + more.returned,
  };
}
