import type { Activity, Outcome } from '../activity/activity.ts';
import { type ActivityPolicy, activitiesOf } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { DeadLetter, DeadLetterLimit, DeadLetterSink } from '../dead-letters/dead-letter.ts';
import { commitInstant } from '../dead-letters/origin.ts';
import { type Position, partitionKey, type RawBatch, type RawRecord } from '../kafka/client/records.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createFold, type Fold } from '../last-seen/fold.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import type { Database } from '../postgres/database.ts';
import type { Decoder } from '../registry/decoder.ts';
import { LastseenError } from '../runtime/errors.ts';
import { countOutcome, describeOutcome, emptyOutcomeCounts, type OutcomeCounts } from './outcome-counts.ts';
import type { AppliedPosition, Progress, Reached } from './progress-pipeline.ts';
import { writeLearners } from './writing-pipeline.ts';

/** What activities are folded into. */
interface ActivityFold {
  add(activity: Activity, committedAt?: Instant): void;
  readonly size: number;
}

/** What records are collected into between two transactions. */
export interface Flush<F extends ActivityFold = Fold> {
  readonly fold: F;
  readonly letters: DeadLetter[];
  letterBytes: number;
  readonly newestCommit: Map<string, Instant>;
  readonly counts: OutcomeCounts;
  /** Set once the broker has acknowledged the letters, so that a retried transaction does not send them again. */
  lettersSent: boolean;
}

/** What turns records into activities. */
export interface CollectDeps {
  readonly decoder: Decoder;
  readonly deadLetterLimit: DeadLetterLimit;
  readonly sourceOf: ReadonlyMap<string, Source>;
  readonly policy: ActivityPolicy;
}

export interface TrackDeps extends CollectDeps {
  readonly database: Database;
  readonly deadLetters: DeadLetterSink;
  readonly progress: Progress;
  /** The wall clock, for `detected_at` alone. */
  readonly now: () => Instant;
  /** Called once the records of a gap are known to be missing, and that is recorded. */
  readonly onGap?: (gap: PartitionGap) => void;
  /** Called after each transaction. */
  readonly onApplied?: (flush: AppliedFlush) => void;
}

export interface AppliedFlush {
  readonly counts: OutcomeCounts;
  readonly rowsChanged: number;
  readonly returned: number;
  readonly learners: number;
  readonly progress: readonly AppliedPosition[];
}

/** What `track` collects: besides, how far each partition is reached. */
interface TrackFlush extends Flush {
  readonly reached: Reached;
}

/** The share of rows raised by the transaction before from which the next is expected to be the same. */
const MOSTLY = 0.8;

/**
 * Change records become rows of `lastseen.user_last_seen`: decode the few columns in use, read who did something and
 * when, fold to one row a learner; then dead letters first, and one transaction with the rows, the returns they mean
 * and how far they reach, which of many learners follows in one of its own.
 */
export function createTrack(deps: TrackDeps): Stages<TrackFlush> {
  let spare: Fold | undefined;
  let changedBefore = 0;
  return {
    open() {
      const fold = spare ?? createFold();
      spare = undefined;
      return { ...emptyFlush(fold), reached: deps.progress.nothing() };
    },

    async collect(batch, flush) {
      await deps.decoder.prepare(batch.records);
      await deps.progress.collect(batch, flush.reached);
      collectBatch(deps, batch, flush);
    },

    async apply(flush, positions) {
      if (!flush.lettersSent) {
        await deps.deadLetters.send(flush.letters);
        flush.lettersSent = true;
      }
      const learners = flush.fold.columns();
      const progress = appliedOf(flush, positions);
      const writes = { mostlyNews: changedBefore > MOSTLY, now: deps.now };
      const [{ changed, returned }, gaps] = await writeLearners(deps.database, learners, writes, (tx) =>
        deps.progress.record(tx, flush.reached, progress),
      );
      changedBefore = learners.size === 0 ? changedBefore : changed / learners.size;
      for (const gap of gaps) deps.onGap?.(gap);
      deps.onApplied?.({ counts: flush.counts, rowsChanged: changed, returned, learners: learners.size, progress });
      flush.fold.clear();
      spare = flush.fold;
    },

    size: sizeOf,
  };
}

/** The stages before anything is written: records become activities, and activities are folded. */
export function collecting<F extends ActivityFold>(
  deps: CollectDeps,
  createFold: () => F,
): Pick<Stages<Flush<F>>, 'open' | 'collect' | 'size'> {
  return {
    open: () => emptyFlush(createFold()),
    async collect(batch, flush) {
      await deps.decoder.prepare(batch.records);
      collectBatch(deps, batch, flush);
    },
    size: sizeOf,
  };
}

function emptyFlush<F extends ActivityFold>(fold: F): Flush<F> {
  return {
    fold,
    letters: [],
    letterBytes: 0,
    newestCommit: new Map(),
    counts: emptyOutcomeCounts(),
    lettersSent: false,
  };
}

/** What a folded learner takes, and about what a letter takes besides its record. */
const BYTES_A_ROW = 128;
const BYTES_A_LETTER = 1_024;

/** Letters keep the whole record, so each counts for many rows. */
function sizeOf({ fold, letters, letterBytes }: Flush<ActivityFold>): number {
  return fold.size + Math.floor((letters.length * BYTES_A_LETTER + letterBytes) / BYTES_A_ROW);
}

/** Of records that the decoder is prepared for. */
function collectBatch(deps: CollectDeps, batch: RawBatch, flush: Flush<ActivityFold>): void {
  const source = sourceOf(deps, batch);
  let newest: Instant | undefined;
  for (const record of batch.records) {
    const committedAt = collectRecord(deps, source, batch, record, flush);
    if (committedAt !== undefined && (newest === undefined || newest < committedAt)) newest = committedAt;
  }
  if (newest !== undefined) raise(flush.newestCommit, partitionKey(batch), newest);
}

function sourceOf(deps: CollectDeps, batch: RawBatch): Source {
  const source = deps.sourceOf.get(batch.topic);
  if (source === undefined) throw new Error(`a record of topic ${batch.topic}, which nobody subscribed to`);
  return source;
}

/** @returns when the row's change was committed; undefined where the record is none. */
function collectRecord(
  deps: CollectDeps,
  source: Source,
  batch: RawBatch,
  record: RawRecord,
  flush: Flush<ActivityFold>,
): Instant | undefined {
  const change = deps.decoder.decode(source, record);
  let committedAt: Instant | undefined;
  let outcome: Outcome;
  if (change.kind === 'row') {
    committedAt = commitInstant(change, record);
    outcome = activitiesOf(source, change.row, committedAt, deps.policy);
  } else outcome = change;
  countOutcome(flush.counts, source, outcome);
  if (deps.deadLetterLimit.exceededAfter(outcome.kind === 'deadLetter')) {
    throw new LastseenError(
      'too_many_dead_letters',
      `too many records of the last 1,000 cannot be applied (newest: ${describeOutcome(outcome)}, topic ${batch.topic}); ` +
        'look at the newest deploy of the source, mend it or raise DLQ_MAX_SHARE, and start again',
    );
  }
  switch (outcome.kind) {
    case 'applied':
      for (const activity of outcome.activities) flush.fold.add(activity, committedAt);
      return committedAt;
    case 'skipped':
      return committedAt;
    case 'deadLetter': {
      const { reason, step, detail } = outcome;
      flush.letterBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
      flush.letters.push({
        topic: batch.topic,
        partition: batch.partition,
        record: detached(record),
        reason,
        step,
        detail,
      });
      return committedAt;
    }
  }
}

/** A copy: key and value are views into the whole fetch, which one letter would otherwise keep in memory. */
function detached(record: RawRecord): RawRecord {
  const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes));
  return { ...record, key: copy(record.key), value: copy(record.value) };
}

/** Keeps the later instant of a key. */
function raise<K>(newest: Map<K, Instant>, key: K, at: Instant): void {
  const before = newest.get(key);
  if (before === undefined || before < at) newest.set(key, at);
}

function appliedOf(flush: Flush, positions: readonly Position[]): AppliedPosition[] {
  return positions.map((position) => ({
    ...position,
    newestCommitAt: flush.newestCommit.get(partitionKey(position)) ?? null,
  }));
}
