import { LastseenError } from '../../runtime/errors.ts';
import type { PartitionBounds, StableBounds } from '../admin/offsets.ts';
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
 * @param ends undefined: to the current last record. Records that an open transaction hides are not read.
 */
export function rangesBetween(
  bounds: readonly StableBounds[],
  starts: readonly Position[] | undefined,
  ends: readonly Position[] | undefined,
): OffsetRange[] {
  const startOf = offsetsOf(starts);
  const endOf = offsetsOf(ends);
  return bounds.map(({ topic, partition, firstOffset, stableOffset: endOffset }) => {
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
        `topic ${range.topic} partition ${range.partition} ends before offset ${furthest}, which was to be read: ` +
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
  const missing: string[] = [];
  const recreated: string[] = [];
  for (const { firstOffset, endOffset, ...partition } of bounds) {
    const name = `${partition.topic} partition ${partition.partition}`;
    const appliedTo = applied.get(partitionKey(partition));
    if (firstOffset > 0n) {
      missing.push(
        `${name} begins at offset ${firstOffset}, not at 0; --snapshot reads the missing rows from the source`,
      );
    }
    if (appliedTo !== undefined && appliedTo > endOffset) {
      recreated.push(
        `${name} was recreated: it ends at ${endOffset}, but records before ${appliedTo} were applied; ` +
          "delete the topic's rows of lastseen.track_progress",
      );
    }
  }
  return { missing, recreated };
}

function offsetsOf(positions: readonly Position[] | undefined): ReadonlyMap<string, bigint> {
  return new Map(positions?.map((position) => [partitionKey(position), position.nextOffset]));
}

function clamp(offset: bigint, least: bigint, most: bigint): bigint {
  if (offset < least) return least;
  return offset > most ? most : offset;
}
