import type { Activity, Outcome, StudentId } from '../activity/activity.ts';
import { type ActivityPolicy, activitiesOf, learnerIn } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { DeadLetterLimit, FailedRecord } from '../dead-letters/dead-letter.ts';
import { commitInstant, resolveOrigin } from '../dead-letters/origin.ts';
import type { RawBatch, RawRecord } from '../kafka/client/records.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import type { Fold } from '../last-seen/fold.ts';
import type { LetterOrigin } from '../last-seen/letters-store.ts';
import type { Decoder } from '../registry/decoder.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import type { OpenLetters } from './open-letters-pipeline.ts';
import { countOutcome, describeOutcome, emptyOutcomeCounts, type OutcomeCounts } from './outcome-counts.ts';

/** How records become activities. */
export interface CollectDeps {
  readonly decoder: Decoder;
  readonly deadLetterLimit: DeadLetterLimit;
  readonly sourceOf: ReadonlyMap<string, Source>;
  readonly policy: ActivityPolicy;
  /** The wall clock: no record was committed later. */
  readonly now: () => Instant;
  /** Absent if applied records close no letters, as in a backtest. */
  readonly openLetters?: OpenLetters;
}

/** A record that cannot be applied, and the facts about its change. */
interface UnappliedRecord extends FailedRecord {
  readonly origin: LetterOrigin;
  /** Null if not readable. */
  readonly studentId: StudentId | null;
  /** Null if unknown. */
  readonly committedAt: Instant | null;
}

interface ActivityFold {
  add(activity: Activity, committedAt?: Instant): void;
  readonly size: number;
}

/** What is collected between two transactions. */
export interface Flush<F extends ActivityFold = Fold> {
  readonly fold: F;
  readonly letters: UnappliedRecord[];
  letterBytes: number;
  /** Records that may have a letter, and are now applied or skipped. */
  readonly settled: LetterOrigin[];
  readonly counts: OutcomeCounts;
}

export function emptyFlush<F extends ActivityFold>(fold: F): Flush<F> {
  return { fold, letters: [], letterBytes: 0, settled: [], counts: emptyOutcomeCounts() };
}

/** The stages that only read: records become activities, and activities are folded. */
export function collectStages<F extends ActivityFold>(
  deps: CollectDeps,
  createFold: () => F,
): Pick<Stages<Flush<F>>, 'open' | 'collect' | 'size'> {
  return {
    open: () => emptyFlush(createFold()),
    async collect(batch, flush) {
      await deps.decoder.prepare(batch.records);
      await deps.openLetters?.prepare(batch);
      collectBatch(deps, batch, flush);
    },
    size: flushSize,
  };
}

/** Bytes of memory per folded learner, and per letter besides its record. */
const ROW_BYTES = 128;
const LETTER_BYTES = 1_024;

/** In rows: a letter keeps its whole record, so it counts as many rows. */
export function flushSize({ fold, letters, letterBytes }: Flush<ActivityFold>): number {
  return fold.size + Math.floor((letters.length * LETTER_BYTES + letterBytes) / ROW_BYTES);
}

/** The decoder must be prepared for the records. @returns the newest commit at the source; undefined: unknown. */
export function collectBatch(deps: CollectDeps, batch: RawBatch, flush: Flush<ActivityFold>): Instant | undefined {
  const source = must(deps.sourceOf.get(batch.topic), 'only topics of sources are subscribed');
  const open = deps.openLetters?.of(batch);
  let newest: Instant | undefined;
  for (const record of batch.records) {
    const committedAt = collectRecord(deps, source, batch, record, flush, open);
    if (committedAt !== undefined && (newest === undefined || newest < committedAt)) newest = committedAt;
  }
  return newest;
}

/** @returns when the change was committed; undefined if that is unknown or the record is not the change of a row. */
function collectRecord(
  deps: CollectDeps,
  source: Source,
  batch: RawBatch,
  record: RawRecord,
  flush: Flush<ActivityFold>,
  open: ReadonlyMap<string, string> | undefined,
): Instant | undefined {
  const change = deps.decoder.decode(source, record);
  let committedAt: Instant | undefined;
  let outcome: Outcome;
  if (change.kind === 'row') {
    const now = deps.now();
    committedAt = commitInstant(change, record, now);
    outcome = activitiesOf(source, change.row, committedAt ?? now, deps.policy);
  } else outcome = change;
  countOutcome(flush.counts, source, outcome);
  if (deps.deadLetterLimit.exceededAfter(outcome.kind === 'deadLetter')) {
    throw tooManyDeadLetters(outcome, batch, record);
  }
  if (outcome.kind === 'applied') {
    for (const activity of outcome.activities) flush.fold.add(activity, committedAt);
  } else if (outcome.kind === 'deadLetter') {
    const { reason, step, detail } = outcome;
    const { topic, partition } = batch;
    flush.letterBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    flush.letters.push({
      ...{ topic, partition, record: copyOf(record), reason, step, detail, origin: originOf(deps, batch, record) },
      studentId: (change.kind === 'row' ? learnerIn(source, change.row) : undefined) ?? null,
      committedAt: committedAt ?? null,
    });
  }
  if (outcome.kind !== 'deadLetter' && mayHaveLetter(record, open)) {
    flush.settled.push(originOf(deps, batch, record));
  }
  return committedAt;
}

/** A record was sent back, or is read again. */
function mayHaveLetter(record: RawRecord, open: ReadonlyMap<string, string> | undefined): boolean {
  return record.headers?.['lastseen.origin.offset'] !== undefined || open?.get(record.offset) === record.timestamp;
}

/** Headers are not trusted with other topics. */
function originOf({ sourceOf }: CollectDeps, { topic, partition }: RawBatch, record: RawRecord): LetterOrigin {
  const origin = resolveOrigin(topic, partition, record);
  const { offset, timestamp } = record;
  return sourceOf.has(origin.topic) ? origin : { topic, partition, offset, timestamp };
}

function tooManyDeadLetters(newest: Outcome, { topic, partition }: RawBatch, { offset }: RawRecord): LastseenError {
  return new LastseenError(
    'too_many_dead_letters',
    `too many of the last 1,000 records cannot be applied (newest: ${describeOutcome(newest)}, ` +
      `${topic} partition ${partition} offset ${offset}); ` +
      'check the newest deploy of the source, fix it or raise DLQ_MAX_SHARE, and start again',
  );
}

/** Key and value are views of the whole fetch response, which one letter would otherwise keep in memory. */
function copyOf(record: RawRecord): RawRecord {
  const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes));
  return { ...record, key: copy(record.key), value: copy(record.value) };
}
