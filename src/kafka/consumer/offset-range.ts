import { type Position, partitionKey, type RawBatch } from '../client/records.ts';

/** The offsets of one partition to read: `firstOffset` to before `endOffset`. Without an end, reading does not stop. */
export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly endOffset?: bigint | undefined;
}

/** The position of a bounded reading per partition. Takes each record of the ranges once, and no other record. */
export interface RangeReader {
  /** The offset to read next; undefined if the range is read or the partition has none. */
  nextOffset(partition: Pick<Position, 'topic' | 'partition'>): bigint | undefined;
  /** The records of the batch that are in the range and were not taken before; undefined if there are none. */
  take(batch: RawBatch): RawBatch | undefined;
}

interface Left {
  next: bigint;
  readonly end: bigint | undefined;
}

/**
 * Leaves out records after the end and records taken before: after a rebalance the driver may deliver again what is
 * still queued.
 */
export function createRangeReader(ranges: readonly PartitionRange[]): RangeReader {
  const left = new Map<string, Left>();
  for (const range of ranges) left.set(partitionKey(range), { next: range.firstOffset, end: range.endOffset });
  const reached = ({ next, end }: Left) => end !== undefined && next >= end;
  return {
    nextOffset(partition) {
      const at = left.get(partitionKey(partition));
      return at === undefined || reached(at) ? undefined : at.next;
    },
    take(batch) {
      const at = left.get(partitionKey(batch));
      if (at === undefined || reached(at) || batch.nextOffset <= at.next) return undefined;
      const { next, end } = at;
      const isWanted = (offset: bigint) => offset >= next && (end === undefined || offset < end);
      at.next = end !== undefined && batch.nextOffset > end ? end : batch.nextOffset;
      return {
        ...batch,
        records: batch.records.filter(({ offset }) => isWanted(BigInt(offset))),
        nextOffset: at.next,
        isBehind: batch.isBehind === true && at.next !== end,
      };
    },
  };
}
