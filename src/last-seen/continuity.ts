import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import type { Gap, GapKind } from './gap.ts';

/** How far a partition was read, and what it is known again by. */
export interface Mark {
  readonly nextOffset: bigint;
  /** The Kafka timestamp of the last record below; undefined where nothing is known of it. */
  readonly lastRecordAt: Instant | undefined;
}

/** Where the reading of a partition is: whatever the partition held below `nextOffset` has been read, gaps apart. */
export interface Reading extends Mark {
  /** Where records are read again: how far they had been read before. Until it is passed, that proves nothing. */
  readonly known?: Mark;
}

/** What was read in one piece: whatever the partition held from `fromOffset` up to `nextOffset`. */
interface Batch {
  readonly fromOffset: bigint;
  readonly nextOffset: bigint;
  readonly records: readonly Stamped[];
}

/** Offset, and milliseconds since the epoch, as decimal text. */
interface Stamped {
  readonly offset: string;
  readonly timestamp: string;
}

/** Where a partition's log starts, and the offset after its last record. */
export interface Bounds {
  readonly start: bigint;
  readonly end: bigint;
}

/** A reading, and what the step to it showed to be unread. */
export interface Step {
  readonly reading: Reading;
  readonly gap?: Gap;
}

/** Whether reading at this offset goes on where it was, so that nothing has to be asked. */
export function goesOn(before: Mark | undefined, at: bigint): boolean {
  return at === (before?.nextOffset ?? 0n);
}

/**
 * Where a reading is that starts at an offset: with the process, after a rebalance, or where the driver was thrown to
 * the partition's start. The broker answers a fetch with all that it has from that offset on, so holes that compaction
 * or transactions leave are within a batch, and an offset past the mark is a gap, whatever the reason. What is read
 * again makes up for nothing before it is known to be the same.
 *
 * A log never ends below what was read of it: one that does is another. (A topic that was made anew is found out by what
 * is read of it below the mark. The broker forgets a group's offsets with the topic, so reading begins at its start; it
 * would not be found out where somebody set the offset to the mark itself.)
 *
 * @param bounds not needed where the reading goes on.
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

/** The reading after the batch. Where it passes what was known, the last record below that says whether it is the same topic. */
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
 * The record right below the mark has the timestamp it had. Where compaction has taken that record, what is left below
 * the mark is no younger: all records of a topic that was made anew are.
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
