import { type Partition, type Position, partitionKey } from '../client/records.ts';

/** The progress of a bounded reading. It is done when every partition has reached the end that it had at the start. */
export interface CatchUp {
  /** Records to read in total, and read so far, counted by offsets. */
  readonly total: number;
  readonly read: number;
  readonly reached: boolean;
  advance(positions: readonly Position[]): void;
  /** Lowers the end of the partition to the position. */
  endAt(position: Position): void;
}

type End = Partition & { readonly firstOffset?: bigint; readonly endOffset: bigint };

/** @param start the committed positions; a partition without one starts at its first record. */
export function createCatchUp(ends: readonly End[], start: readonly Position[]): CatchUp {
  const at = new Map(ends.map((end) => [partitionKey(end), end.firstOffset ?? 0n]));
  for (const position of start) {
    const key = partitionKey(position);
    // Retention may have deleted the records up to the first offset.
    if ((at.get(key) ?? 0n) < position.nextOffset) at.set(key, position.nextOffset);
  }
  const goals = ends.map((end) => ({
    key: partitionKey(end),
    from: at.get(partitionKey(end)) ?? 0n,
    to: end.endOffset,
  }));
  const span = (from: bigint, to: bigint) => (to > from ? Number(to - from) : 0);
  const total = goals.reduce((sum, { from, to }) => sum + span(from, to), 0);
  return {
    total,
    get read() {
      return total - goals.reduce((sum, { key, to }) => sum + span(at.get(key) ?? 0n, to), 0);
    },
    get reached() {
      return goals.every(({ key, to }) => (at.get(key) ?? 0n) >= to);
    },
    advance(positions) {
      for (const position of positions) {
        const key = partitionKey(position);
        if ((at.get(key) ?? -1n) < position.nextOffset) at.set(key, position.nextOffset);
      }
    },
    endAt(position) {
      const goal = goals.find(({ key }) => key === partitionKey(position));
      if (goal !== undefined && position.nextOffset < goal.to) goal.to = position.nextOffset;
    },
  };
}
