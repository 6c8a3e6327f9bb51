import type { Kafka } from 'kafkajs';
import type { Logger } from '../../runtime/logging.ts';
import { deleteGroup } from '../admin/groups.ts';
import { type Partition, partitionKey, type RawBatch } from '../client/records.ts';
import { kafkaFailure, unlessRefused } from '../client/refusal.ts';
import { FETCHING } from './fetching.ts';

/** The records of a partition from `firstOffset` to before `endOffset`. */
export interface OffsetRange extends Partition {
  readonly firstOffset: bigint;
  readonly endOffset: bigint;
}

export interface RangeReading {
  readonly kafka: Kafka;
  /** A group for this reading only. Nothing is committed in it, and it is deleted at the end. */
  readonly groupId: string;
  readonly ranges: readonly OffsetRange[];
  readonly stopping: AbortSignal;
  readonly log: Logger;
  /** Called with each record once, in the order of its partition. Returning false ends the reading. */
  readonly onRecords: (batch: RawBatch) => Promise<boolean>;
}

/**
 * Reads ranges of offsets once. Resolves when all are read, `onRecords` returned false, or `stopping` was aborted.
 *
 * The driver reads only as a member of a group (tulios/kafkajs#373: no manual assignment). The broker expires a group
 * without commits if it could not be deleted.
 */
export async function readRanges({ kafka, groupId, ranges, stopping, log, onRecords }: RangeReading): Promise<void> {
  const left = new Map(ranges.filter(hasRecords).map((range) => [partitionKey(range), { ...range }]));
  if (left.size === 0) return;
  const finished = Promise.withResolvers<void>();
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  const enough = () => {
    ended = true;
    finished.resolve();
  };
  if (stopping.aborted) enough();
  stopping.addEventListener('abort', enough, { once: true });

  const consumer = kafka.consumer({
    groupId,
    ...FETCHING,
    allowAutoTopicCreation: false,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 10_000, restartOnFailure: async () => !ended },
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) finished.reject(payload.error);
  });

  const take = async (batch: RawBatch) => {
    const range = left.get(partitionKey(batch));
    if (range === undefined) return;
    // After a rebalance the driver starts from the beginning.
    const records = batch.records.filter(
      ({ offset }) => BigInt(offset) >= range.firstOffset && BigInt(offset) < range.endOffset,
    );
    if (records.length > 0 && !(await onRecords({ ...batch, records }))) enough();
    if (batch.nextOffset > range.firstOffset) range.firstOffset = batch.nextOffset;
    if (!hasRecords(range)) left.delete(partitionKey(batch));
    if (left.size === 0) enough();
  };

  try {
    await unlessRefused(kafka, consumer.connect());
    await consumer.subscribe({ topics: [...new Set(ranges.map(({ topic }) => topic))], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, pause }) => {
        if (ended) return;
        const { topic, partition, messages } = batch;
        const last = batch.lastOffset();
        try {
          await take({
            topic,
            partition,
            records: messages,
            fromOffset: BigInt(batch.firstOffset() ?? last),
            nextOffset: BigInt(last) + 1n,
          });
        } catch (error) {
          // The driver would deliver the batch again without end (tulios/kafkajs#1721).
          failure = { error };
          return enough();
        }
        resolveOffset(messages.at(-1)?.offset ?? last);
        if (!left.has(partitionKey(batch))) pause();
        await heartbeat();
      },
    });
    for (const { topic, partition, firstOffset } of left.values()) {
      consumer.seek({ topic, partition, offset: String(firstOffset) });
    }
    await finished.promise;
    if (failure !== undefined) throw failure.error;
  } catch (error) {
    throw failure === undefined ? kafkaFailure('cannot read from Kafka', error) : failure.error;
  } finally {
    ended = true;
    stopping.removeEventListener('abort', enough);
    await consumer.disconnect();
    await deleteGroup(kafka, groupId, log);
  }
}

function hasRecords({ firstOffset, endOffset }: OffsetRange): boolean {
  return firstOffset < endOffset;
}
