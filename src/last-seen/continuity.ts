import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import { isRecordTime, type RawBatch, type RawRecord } from '../kafka/client/records.ts';
import type { Gap, GapKind } from './gap.ts';

/** How far a partition was read, and a timestamp that identifies the topic when it is read again. */
interface ReadPosition {
  readonly nextOffset: bigint;
  /** The Kafka timestamp of the last record below `nextOffset`; undefined if unknown. */
  readonly lastRecordAt: Instant | undefined;
}

/** All records below `nextOffset` have been read, except those in gaps. */
export interface ReadState extends ReadPosition {
  /** If records are read again: how far they had been read before. Until it is passed, the topic may be another one. */
  readonly previous?: ReadPosition;
}

type Batch = Pick<RawBatch, 'nextOffset'> & { readonly records: readonly Stamp[] };
type Stamp = Pick<RawRecord, 'offset' | 'timestamp'>;

/** The log start offset of a partition, and the offset after its last record. */
export interface LogBounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** The new state, and the gap that was found on the way to it. */
export interface ReadStep {
  readonly state: ReadState;
  readonly gap?: Gap;
}

/** Whether reading continues at the offset, so that the broker need not be asked for the bounds of the log. */
export function continuesAt(before: ReadPosition | undefined, offset: bigint): boolean {
  return offset === (before?.nextOffset ?? 0n);
}

/**
 * The state when reading starts at an offset: after a start of the process or a rebalance, or because kafkajs was reset
 * to the start of the log. A fetch returns all records that the broker has from that offset on, so holes from compaction
 * or transactions are inside a batch, and a start above the position is always a gap. Records that are read again close no
 * gap before the topic is known to be the same.
 *
 * A log never ends below a position that was read: if it does, the topic was recreated. A recreated topic with a longer log
 * is recognized by its records below the old position, because the broker deletes a group's offsets together with the
 * topic, so that reading begins at its start. It is not recognized if somebody sets the group's offset to exactly the old
 * position.
 *
 * @param bounds not needed if reading continues at the offset.
 */
export function startReading(before: ReadState | undefined, offset: bigint, bounds?: LogBounds): ReadStep {
  const state = { nextOffset: offset, lastRecordAt: undefined };
  if (bounds === undefined || continuesAt(before, offset)) return { state: before ?? state };
  const gap = (fromOffset: bigint, removed: GapKind): Gap => ({
    kind: bounds.start > fromOffset ? removed : 'skipped',
    fromOffset,
    toOffset: offset,
  });
  if (before === undefined) return { state, gap: gap(0n, 'beginning_missing') };
  const previous = before.previous ?? before;
  if (bounds.end < previous.nextOffset) return { state, gap: anotherTopic(previous) };
  if (offset >= previous.nextOffset) return { state, gap: gap(before.nextOffset, 'lost') };
  return { state: { ...state, previous } };
}

/** The state after a batch. The batch that passes the previous position shows whether the topic is the same. */
export function advanceReading(before: ReadState, batch: Batch, now: Instant): ReadStep {
  const { previous } = before;
  const last = batch.records.at(-1);
  const state: ReadPosition = {
    nextOffset: batch.nextOffset,
    lastRecordAt: last === undefined ? before.lastRecordAt : timestampOf(last, now),
  };
  if (previous === undefined) return { state };
  if (state.nextOffset < previous.nextOffset) return { state: { ...state, previous } };
  return isSameTopic(previous, before, batch, now) ? { state } : { state, gap: anotherTopic(previous) };
}

/**
 * In the same topic, the record right below the previous position still has its timestamp. If compaction has removed that
 * record, the ones left below it are not newer, whereas all records of a recreated topic are.
 */
function isSameTopic(previous: ReadPosition, before: ReadPosition, batch: Batch, now: Instant): boolean {
  const below = batch.records.findLast(({ offset }) => BigInt(offset) < previous.nextOffset);
  const at = below === undefined ? before.lastRecordAt : timestampOf(below, now);
  if (at === undefined || previous.lastRecordAt === undefined) return true;
  if (below !== undefined && BigInt(below.offset) === previous.nextOffset - 1n) return at === previous.lastRecordAt;
  return at <= previous.lastRecordAt;
}

function anotherTopic(previous: ReadPosition): Gap {
  return { kind: 'another_topic', fromOffset: previous.nextOffset, toOffset: null };
}

function timestampOf({ timestamp }: Stamp, now: Instant): Instant | undefined {
  const isTime = isRecordTime(Number(timestamp), Number(now / MICROS_PER_MS));
  return isTime ? BigInt(timestamp) * MICROS_PER_MS : undefined;
}
