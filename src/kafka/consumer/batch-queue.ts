import { waitAtMost } from '../../runtime/waiting.ts';
import type { RawBatch } from '../client/records.ts';

export interface BatchQueue {
  /** Whether another batch may be pushed. */
  readonly hasRoom: boolean;
  push(batch: RawBatch): void;
  /** Resolves when there is room, or after `timeoutMs`. */
  room(timeoutMs: number): Promise<void>;
  /** The next batch; `undefined` after `timeoutMs` without one, or after `wake`. */
  next(timeoutMs: number): Promise<RawBatch | undefined>;
  /** Makes a pending `next` and `room` return. */
  wake(): void;
}

/**
 * Batches between fetching and decoding. The bound is in bytes of keys and values: while the queue is full, the
 * fetching side waits and sends heartbeats.
 */
export function createBatchQueue(maxBytes: number): BatchQueue {
  const batches: { batch: RawBatch; bytes: number }[] = [];
  let bytes = 0;
  let arrived = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();
  return {
    get hasRoom() {
      return bytes < maxBytes;
    },
    push(batch) {
      const size = batch.records.reduce(
        (sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_OVERHEAD_BYTES,
        0,
      );
      batches.push({ batch, bytes: size });
      bytes += size;
      arrived.resolve();
    },
    room: (timeoutMs) => (bytes < maxBytes ? Promise.resolve() : waitAtMost(timeoutMs, taken.promise)),
    async next(timeoutMs) {
      if (batches.length === 0) {
        arrived = Promise.withResolvers<void>();
        await waitAtMost(timeoutMs, arrived.promise);
      }
      const first = batches.shift();
      if (first === undefined) return undefined;
      bytes -= first.bytes;
      taken.resolve();
      taken = Promise.withResolvers<void>();
      return first.batch;
    },
    wake() {
      arrived.resolve();
      taken.resolve();
      taken = Promise.withResolvers<void>();
    },
  };
}

const RECORD_OVERHEAD_BYTES = 100;
