import { type Position, partitionKey, type RawBatch } from '../client/records.ts';

/** Records that are fetched but not applied: the delay of a consumer is measured from them. */
export interface WaitingRecords {
  fetched(batch: RawBatch): void;
  applied(positions: readonly Position[]): void;
  /** The timestamp of the oldest waiting record, in ms since the epoch; undefined if none waits. */
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
      // If a partition is read again, what was fetched before no longer counts.
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
