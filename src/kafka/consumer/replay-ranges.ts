import { LastseenError } from '../../runtime/errors.ts';
import type { PartitionBounds } from '../admin/topic-bounds.ts';
import { type Position, partitionKey } from '../client/records.ts';
import type { PartitionRange } from './offset-range.ts';

/**
 * What of each partition lies between two instants.
 *
 * @param starts undefined: from the first record there is.
 * @param ends undefined: to the last record there is now.
 */
export function rangesBetween(
  bounds: readonly PartitionBounds[],
  starts: readonly Position[] | undefined,
  ends: readonly Position[] | undefined,
): PartitionRange[] {
  const startOf = offsetsOf(starts);
  const endOf = offsetsOf(ends);
  return bounds.map(({ topic, partition, firstOffset, endOffset }) => {
    const key = partitionKey({ topic, partition });
    // A partition that grew, or was cut off, between two questions.
    const first = within(startOf.get(key) ?? firstOffset, firstOffset, endOffset);
    return { topic, partition, firstOffset: first, endOffset: within(endOf.get(key) ?? endOffset, first, endOffset) };
  });
}

/**
 * What is left of an interrupted reading.
 *
 * @throws LastseenError `replay_lost` where a topic is no longer the one that was being read.
 */
export function rangesLeft(kept: readonly PartitionRange[], bounds: readonly PartitionBounds[]): PartitionRange[] {
  const boundsOf = new Map(bounds.map((at) => [partitionKey(at), at]));
  return kept.map((range) => {
    const at = boundsOf.get(partitionKey(range));
    const furthest = range.endOffset ?? range.firstOffset;
    if (at === undefined || at.endOffset < furthest) {
      throw new LastseenError(
        'replay_lost',
        `topic ${range.topic} partition ${range.partition} ends at ${at?.endOffset ?? 0}, but was to be read to ${furthest}: ` +
          'it was recreated; --restart starts from the beginning',
      );
    }
    return { ...range, firstOffset: within(range.firstOffset, at.firstOffset, at.endOffset) };
  });
}

/** Why the topics do not tell the whole history. */
export interface MissingHistory {
  /** What retention has taken: a snapshot brings back what is still true of it. */
  readonly missing: readonly string[];
  /** Topics that are not those that were applied: nothing can come level with what `track` says of them. */
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
          `${topic} partition ${partition} begins at offset ${firstOffset}, not at 0; --snapshot brings the rows back`,
      ),
    recreated: bounds
      .filter((at) => appliedOf(at) > at.endOffset)
      .map(
        (at) =>
          `${at.topic} partition ${at.partition} was recreated: it ends at ${at.endOffset}, but ${appliedOf(at)} was applied; ` +
          "delete the topic's rows of lastseen.track_progress",
      ),
  };
}

function offsetsOf(positions: readonly Position[] | undefined): ReadonlyMap<string, bigint> {
  return new Map(positions?.map((position) => [partitionKey(position), position.nextOffset]));
}

function within(offset: bigint, least: bigint, most: bigint): bigint {
  if (offset < least) return least;
  return offset > most ? most : offset;
}
