import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import type { Gap, GapKind } from './gap.ts';

/** How far a partition was read, and a timestamp that identifies the topic when it is read again. */
export interface Mark {
  readonly nextOffset: bigint;
  /** The Kafka timestamp of the last record below `nextOffset`; undefined if unknown. */
  readonly lastRecordAt: Instant | undefined;
}

/** The read position of a partition: all records below `nextOffset` have been read, except those in gaps. */
export interface Reading extends Mark {
  /** If records are read again: how far they had been read before. Until it is passed, it is not known to be the same topic. */
  readonly known?: Mark;
}

/** Consecutive records: all that the partition had from `fromOffset` to below `nextOffset`. */
interface Batch {
  readonly fromOffset: bigint;
  readonly nextOffset: bigint;
  readonly records: readonly Stamped[];
}

/** Offset, and milliseconds since the epoch, as decimal text, as kafkajs has them. */
interface Stamped {
  readonly offset: string;
  readonly timestamp: string;
}

/** The log start offset of a partition, and the offset after its last record. */
export interface Bounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** The new position, and the gap found on the way to it. */
export interface Step {
  readonly reading: Reading;
  readonly gap?: Gap;
}

/** Whether reading continues at the position, so that the broker need not be asked for the bounds of the log. */
export function goesOn(before: Mark | undefined, at: bigint): boolean {
  return at === (before?.nextOffset ?? 0n);
}

/**
 * The position when reading starts at an offset: after a start of the process or a rebalance, or because kafkajs was reset
 * to the start of the log. A fetch returns all records that the broker has from that offset on, so holes from compaction
 * or transactions are inside a batch, and a start above the position is always a gap. Records that are read again close no
 * gap before the topic is known to be the same.
 *
 * A log never ends below a position that was read. If it does, it belongs to a recreated topic. A recreated topic with
 * a longer log is recognized by its records below the old position: the broker deletes a group's offsets together with the
 * topic, so reading begins at its start. It is not recognized if somebody sets the group's offset to exactly the old
 * position.
 *
 * @param bounds not needed if reading continues at the position.
 */
export function startReading(before: Reading | undefined, at: bigint, bounds?: Bounds): Step {
  const reading = { nextOffset: at, lastRecordAt: undefined };
  if (bounds === undefined || goesOn(before, at)) return { reading: before ?? reading };
  const gap = (fromOffset: bigint, removed: GapKind): Gap => ({
    kind: bounds.start > fromOffset ? removed : 'skipped',
    fromOffset,
    toOffset: at,
  });
  if (before === undefined) return { reading, gap: gap(0n, 'beginning_missing') };
  const known = before.known ?? before;
  if (bounds.end < known.nextOffset) return { reading, gap: anotherTopic(known) };
  if (at >= known.nextOffset) return { reading, gap: gap(before.nextOffset, 'lost') };
  return { reading: { ...reading, known } };
}

/** The position after a batch. When it passes the previous position, the last record below that shows whether the topic is the same. */
export function advance(reading: Reading, batch: Batch): Step {
  const { known } = reading;
  const last = batch.records.at(-1);
  const after: Mark = {
    nextOffset: batch.nextOffset,
    lastRecordAt: last === undefined ? reading.lastRecordAt : timestampOf(last),
  };
  if (known === undefined) return { reading: after };
  if (after.nextOffset < known.nextOffset) return { reading: { ...after, known } };
  return isSameTopic(known, reading, batch) ? { reading: after } : { reading: after, gap: anotherTopic(known) };
}

/**
 * In the same topic, the record right below the previous position still has its timestamp. If compaction has removed that
 * record, the ones left below it are not newer, whereas all records of a recreated topic are.
 */
function isSameTopic(known: Mark, before: Mark, batch: Batch): boolean {
  const below = batch.records.findLast(({ offset }) => BigInt(offset) < known.nextOffset);
  const at = below === undefined ? before.lastRecordAt : timestampOf(below);
  if (at === undefined || known.lastRecordAt === undefined) return true;
  if (below !== undefined && BigInt(below.offset) === known.nextOffset - 1n) return at === known.lastRecordAt;
  return at <= known.lastRecordAt;
}

function anotherTopic(known: Mark): Gap {
  return { kind: 'another_topic', fromOffset: known.nextOffset, toOffset: null };
}

function timestampOf({ timestamp }: Stamped): Instant {
  return BigInt(timestamp) * MICROS_PER_MS;
}
