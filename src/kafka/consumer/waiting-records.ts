import { type Position, partitionKey, type RawBatch } from '../client/records.ts';

/** Records that were fetched and are not applied: what a consumer's delay is measured by. */
export interface WaitingRecords {
  fetched(batch: RawBatch): void;
  applied(positions: readonly Position[]): void;
  /** When the oldest record that waits was written to the partition, in ms since the epoch; undefined where none waits. */
  oldestAtMs(partition: Pick<Position, 'topic' | 'partition'>): number | undefined;
}

export function createWaitingRecords(): WaitingRecords {
  const waiting = new Map<string, { readonly nextOffset: bigint; readonly firstAtMs: number }[]>();
  return {
    fetched(batch) {
      const [first] = batch.records;
      if (first === undefined) return;
      const key = partitionKey(batch);
      const before = waiting.get(key) ?? [];
      // Where a partition is read again, what was fetched of it before counts no more.
      const goesOn = batch.fromOffset >= (before.at(-1)?.nextOffset ?? 0n);
      const newest = { nextOffset: batch.nextOffset, firstAtMs: Number(first.timestamp) };
      waiting.set(key, goesOn ? [...before, newest] : [newest]);
    },
    applied(positions) {
      for (const position of positions) {
        const key = partitionKey(position);
        const left = (waiting.get(key) ?? []).filter(({ nextOffset }) => nextOffset > position.nextOffset);
        if (left.length === 0) waiting.delete(key);
        else waiting.set(key, left);
      }
    },
    oldestAtMs: (partition) => waiting.get(partitionKey(partition))?.[0]?.firstAtMs,
  };
}
