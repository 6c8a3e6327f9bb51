import { type Position, partitionKey, type RawBatch } from '../client/records.ts';

/** What of one partition is to be read: from the first offset to before the end; without an end, for as long as it runs. */
export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly endOffset?: bigint | undefined;
}

/** Where a bounded reading stands, partition by partition. Takes each record of the ranges once, and no other. */
export interface RangeReader {
  /** Where the partition's next record is to be looked for; undefined where nothing of it is left, or ever was wanted. */
  nextOffset(partition: Pick<Position, 'topic' | 'partition'>): bigint | undefined;
  /** What of the batch is wanted and was not taken before; undefined where nothing is. */
  take(batch: RawBatch): RawBatch | undefined;
}

interface Left {
  next: bigint;
  readonly end: bigint | undefined;
}

/**
 * Records past an end are left out, and so are those taken before: after a rebalance the driver may deliver again what
 * is still queued.
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
