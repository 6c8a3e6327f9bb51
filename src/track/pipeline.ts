import type { FailedRecordSink } from '../dead-letters/dead-letter.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold, type Fold } from '../last-seen/fold.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import type { Database } from '../postgres/database.ts';
import { type CollectDeps, collectBatch, emptyFlush, type Flush, flushSize } from './collect-pipeline.ts';
import type { OutcomeCounts } from './outcome-counts.ts';
import type { PartitionChange, Progress, ProgressChanges } from './progress-pipeline.ts';
import { writeLearners } from './writing-pipeline.ts';

export interface TrackDeps extends CollectDeps {
  readonly database: Database;
  readonly deadLetters: FailedRecordSink;
  readonly progress: Progress;
  /** Called after a new gap is recorded. */
  readonly onGap?: (gap: PartitionGap) => void;
  /** Called after each transaction. */
  readonly onApplied?: (flush: AppliedFlush) => void;
}

export interface AppliedFlush {
  readonly counts: OutcomeCounts;
  readonly rowsChanged: number;
  readonly returned: number;
  readonly learners: number;
  readonly partitions: readonly PartitionChange[];
}

interface TrackFlush extends Flush {
  readonly progress: ProgressChanges;
  /** Set when the broker has acknowledged the letters, so that a retry does not send them again. */
  lettersSent: boolean;
}

/** If the last transaction changed more than this share of its rows, the next one is expected to do the same. */
const MOST_ROWS = 0.8;

/**
 * Turns change records into rows of `lastseen.user_last_seen`. Collecting decodes the columns in use, reads who did
 * something and when, and folds to one row per learner. Applying sends dead letters first, then writes the rows, the
 * returns and the progress; {@link writeLearners} describes the transactions.
 */
export function createTrack(deps: TrackDeps): Stages<TrackFlush> {
  let spare: Fold | undefined;
  let changedShare = 0;
  return {
    open() {
      const fold = spare ?? createFold();
      spare = undefined;
      return { ...emptyFlush(fold), progress: deps.progress.noChanges(), lettersSent: false };
    },

    async collect(batch, flush) {
      // Both may fail with an outage, and then collect() is repeated: nothing may be changed before they have succeeded.
      await deps.decoder.prepare(batch.records);
      const change = await deps.progress.collect(batch, flush.progress);
      const newest = collectBatch(deps, batch, flush);
      const before = change.newestCommitAt;
      if (newest !== undefined && (before === null || before < newest)) change.newestCommitAt = newest;
    },

    async apply(flush) {
      if (!flush.lettersSent) {
        await deps.deadLetters.send(flush.letters);
        flush.lettersSent = true;
      }
      const learners = flush.fold.columns();
      const writes = { mostRowsChange: changedShare > MOST_ROWS, now: deps.now };
      const [{ changed, returned }, gaps] = await writeLearners(deps.database, learners, writes, (tx) =>
        deps.progress.record(tx, flush.progress),
      );
      if (learners.size > 0) changedShare = changed / learners.size;
      for (const gap of gaps) deps.onGap?.(gap);
      const partitions = [...flush.progress.partitions.values()];
      deps.onApplied?.({ counts: flush.counts, rowsChanged: changed, returned, learners: learners.size, partitions });
      flush.fold.clear();
      spare = flush.fold;
    },

    size: flushSize,
  };
}
