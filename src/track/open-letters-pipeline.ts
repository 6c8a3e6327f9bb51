import { type Partition, partitionKey, type RawBatch } from '../kafka/client/records.ts';
import { openLetterTimestamps } from '../last-seen/letters-store.ts';
import type { Queryable } from '../postgres/database.ts';

/** Which records that are read again have open letters. */
export interface OpenLetters {
  /** Loads the letters of a partition if the batch does not continue the last one. It can be repeated after an outage. */
  prepare(batch: RawBatch): Promise<void>;
  /** The timestamps of such records by offset; undefined if there are none. */
  of(partition: Partition): ReadonlyMap<string, string> | undefined;
}

/**
 * Only a batch that does not continue the last one can begin with records that were read before, so a partition costs one
 * query. A letter that another instance records later is not seen here; it stays open until an audit.
 */
export function createOpenLetters(database: Queryable): OpenLetters {
  const states = new Map<string, { nextOffset: bigint; timestamps: ReadonlyMap<string, string> }>();
  return {
    async prepare(batch) {
      const key = partitionKey(batch);
      const { topic, partition, fromOffset, nextOffset } = batch;
      const state = states.get(key);
      if (state?.nextOffset === fromOffset) state.nextOffset = nextOffset;
      else {
        const timestamps = await openLetterTimestamps(database, topic, partition, fromOffset);
        states.set(key, { nextOffset, timestamps });
      }
    },
    of(partition) {
      const timestamps = states.get(partitionKey(partition))?.timestamps;
      return timestamps === undefined || timestamps.size === 0 ? undefined : timestamps;
    },
  };
}
