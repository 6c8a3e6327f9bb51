import { LastseenError } from '../../runtime/errors.ts';
import type { PartitionBounds } from '../admin/offsets.ts';
import { type Partition, type Position, partitionKey } from '../client/records.ts';

/** The offsets of one partition to read: `firstOffset` to before `endOffset`. Without an end, reading does not stop. */
export interface OffsetRange extends Partition {
  readonly firstOffset: bigint;
  readonly endOffset?: bigint | undefined;
}

/**
 * The range of each partition between two positions.
 *
 * @param starts undefined: from the first record.
 * @param ends undefined: to the current last record.
 */
export function rangesBetween(
  bounds: readonly PartitionBounds[],
  starts: readonly Position[] | undefined,
  ends: readonly Position[] | undefined,
): OffsetRange[] {
  const startOf = offsetsOf(starts);
  const endOf = offsetsOf(ends);
  return bounds.map(({ topic, partition, firstOffset, endOffset }) => {
    const key = partitionKey({ topic, partition });
    // The partition may have grown or been truncated between the two queries.
    const first = clamp(startOf.get(key) ?? firstOffset, firstOffset, endOffset);
    return { topic, partition, firstOffset: first, endOffset: clamp(endOf.get(key) ?? endOffset, first, endOffset) };
  });
}

/**
 * The rest of an interrupted reading.
 *
 * @throws LastseenError `replay_lost` if a topic was recreated.
 */
export function remainingRanges(kept: readonly OffsetRange[], bounds: readonly PartitionBounds[]): OffsetRange[] {
  const boundsOf = new Map(bounds.map((at) => [partitionKey(at), at]));
  return kept.map((range) => {
    const at = boundsOf.get(partitionKey(range));
    const furthest = range.endOffset ?? range.firstOffset;
    if (at === undefined || at.endOffset < furthest) {
      throw new LastseenError(
        'replay_lost',
        `topic ${range.topic} partition ${range.partition} ends at ${at?.endOffset ?? 0}, before the planned end ${furthest}: ` +
          'it was recreated; --restart starts from the beginning',
      );
    }
    return { ...range, firstOffset: clamp(range.firstOffset, at.firstOffset, at.endOffset) };
  });
}

/** Why the topics do not have the whole history. */
export interface MissingHistory {
  /** Partitions whose first records retention has deleted. A snapshot reads the rows that still exist. */
  readonly missing: readonly string[];
  /** Topics that were recreated since `track` applied them: a rebuild can never reach the recorded progress. */
  readonly recreated: readonly string[];
}

export function missingHistory(bounds: readonly PartitionBounds[], progress: readonly Position[]): MissingHistory {
  const applied = offsetsOf(progress);
  const appliedOf = (at: PartitionBounds) => applied.get(partitionKey(at)) ?? 0n;
  return {
    missing: bounds
      .filter(({ firstOffset }) => firstOffset > 0n)
      .map(
        ({ topic, partition, firstOffset }) =>
          `${topic} partition ${partition} begins at offset ${firstOffset}, not at 0; --snapshot reads the missing rows from the source`,
      ),
    recreated: bounds
      .filter((at) => appliedOf(at) > at.endOffset)
      .map(
        (at) =>
          `${at.topic} partition ${at.partition} was recreated: it ends at ${at.endOffset}, but records before ${appliedOf(at)} were applied; ` +
          "delete the topic's rows of lastseen.track_progress",
      ),
  };
}

function offsetsOf(positions: readonly Position[] | undefined): ReadonlyMap<string, bigint> {
  return new Map(positions?.map((position) => [partitionKey(position), position.nextOffset]));
}

function clamp(offset: bigint, least: bigint, most: bigint): bigint {
  if (offset < least) return least;
  return offset > most ? most : offset;
}
