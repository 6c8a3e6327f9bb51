import type { DeadLetterWindow, FailedRecordSink } from '../dead-letters/dead-letter.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold, type Fold, type LearnerColumns } from '../last-seen/fold.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { type CollectDeps, collectBatch, emptyFlush, type Flush, flushSize } from './collect-pipeline.ts';
import { settleLetters, tooManyRefused } from './letters-pipeline.ts';
import type { OutcomeCounts } from './outcome-counts.ts';
import type { PartitionChange, Progress, ProgressChanges } from './progress-pipeline.ts';
import {
  type LearnerWrites,
  type RefusedLearner,
  refusal,
  type Written,
  writeAcceptedLearners,
  writeLearners,
} from './writing-pipeline.ts';

export interface TrackDeps extends CollectDeps {
  readonly database: Database;
  readonly deadLetterLimit: DeadLetterWindow;
  readonly deadLetters: FailedRecordSink;
  readonly progress: Progress;
  /** Called after a new gap is recorded. */
  readonly onGap?: (gap: PartitionGap) => void;
  /** Called after a transaction that left learners out because Postgres refused their rows. */
  readonly onRefused?: (learners: number) => void;
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
  /** The limit's state after the last record. */
  window: Uint8Array | undefined;
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
      return { ...emptyFlush(fold), progress: deps.progress.noChanges(), lettersSent: false, window: undefined };
    },

    async collect(batch, flush) {
      // These may fail with an outage, and then collect() is repeated: nothing may be changed before they have succeeded.
      await deps.decoder.prepare(batch.records);
      await deps.openLetters?.prepare(batch);
      const change = await deps.progress.collect(batch, flush.progress);
      const newest = collectBatch(deps, batch, flush);
      // The limit has nothing new after batches without letters.
      flush.window = deps.deadLetterLimit.snapshot() ?? flush.window;
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
      const [{ changed, returned }, gaps] = await writeFlush(deps, flush, learners, writes);
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

/** Writes the learners that Postgres accepts, the progress, and letters for all others, in one transaction. */
async function writeFlush(
  deps: TrackDeps,
  flush: TrackFlush,
  learners: LearnerColumns,
  writes: LearnerWrites,
): Promise<[Written, PartitionGap[]]> {
  const { deadLetterLimit } = deps;
  const ranges = [...flush.progress.partitions.values()].map(({ state, ...partition }) => ({
    ...partition,
    nextOffset: state.nextOffset,
  }));
  const rest = async (tx: Queryable, refused: readonly RefusedLearner[] = []) => {
    const gaps = await deps.progress.record(tx, flush.progress);
    await settleLetters(tx, { ...flush, refused, ranges, maxClockSkewUs: deps.policy.maxClockSkewUs });
    return gaps;
  };
  try {
    return await writeLearners(deps.database, learners, writes, (tx) => rest(tx));
  } catch (error) {
    if (refusal(error) === undefined) throw error;
  }
  let refusals = 0;
  const done = await writeAcceptedLearners(
    deps.database,
    learners,
    writes,
    (refused) => {
      refusals = refused.length;
      if (deadLetterLimit.wouldExceed(refusals, learners.size)) throw tooManyRefused(refused, learners.size, ranges);
    },
    rest,
  );
  deadLetterLimit.add(refusals, learners.size);
  if (refusals > 0) deps.onRefused?.(refusals);
  return done;
}
