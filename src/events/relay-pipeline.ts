import type { OutgoingRecord } from '../kafka/client/records.ts';

/** Decided events waiting for their topic, oldest first. */
interface Outbox<T> {
  take(limit: number): Promise<readonly T[]>;
  markPublished(rows: readonly T[]): Promise<void>;
}

export interface RelayDeps<T> {
  readonly outbox: Outbox<T>;
  readonly topic: string;
  readonly encode: (row: T) => OutgoingRecord;
  /** Resolves when all records are acknowledged, in order a key. */
  readonly send: (topic: string, records: readonly OutgoingRecord[]) => Promise<void>;
  /**
   * Runs `work` while holding the one lock for this outbox, on a connection of its own; `undefined` without running it
   * where somebody else holds it (they publish, then).
   */
  readonly exclusively: <R>(work: () => Promise<R>) => Promise<R | undefined>;
  readonly batchSize?: number;
  readonly onPublished?: (count: number) => void;
}

/** The driver makes several buffers a record and holds those of a batch; larger batches are no faster. */
const BATCH_SIZE = 250;

/**
 * Publishes what is unpublished, batch by batch, until nothing is left. At least once: a crash between the
 * acknowledgement and the mark publishes the batch again, with the same event ids.
 *
 * @returns the number of events published, `undefined` where another relay is at work.
 */
export function relay<T>(deps: RelayDeps<T>): Promise<number | undefined> {
  const batchSize = deps.batchSize ?? BATCH_SIZE;
  return deps.exclusively(async () => {
    let published = 0;
    for (;;) {
      const rows = await deps.outbox.take(batchSize);
      if (rows.length === 0) return published;
      await deps.send(deps.topic, rows.map(deps.encode));
      await deps.outbox.markPublished(rows);
      published += rows.length;
      deps.onPublished?.(published);
    }
  });
}
