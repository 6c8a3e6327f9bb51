import type { Batch, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { committedPositions, topicBounds } from '../admin/offsets.ts';
import { type Partition, partitionKey, type RawBatch } from '../client/records.ts';
import { type UnreadableBatch, unreadableAtEnd } from '../client/unreadable-batches.ts';
import type { BatchQueue } from './batch-queue.ts';
import { type Delay, dueRecords } from './delays.ts';
import type { EmptyFetch } from './empty-fetches.ts';
import type { PartitionStates } from './partition-state.ts';

/** A field that the driver's types lack. */
type FetchedBatch = Batch & { readonly fetchedOffset: string };

export interface Enqueueing {
  readonly consumer: Consumer;
  readonly partitions: PartitionStates;
  readonly queue: BatchQueue;
  readonly delay: Delay | undefined;
  readonly stopping: AbortSignal;
  /** The progress of a bounded reading may have changed. */
  readonly onProgress: () => void;
}

const HEARTBEAT_EVERY_MS = 1_000;

/** The driver's handler: waits for room in the queue, with heartbeats, then enqueues the batch. */
export async function enqueueWhenRoom(enqueueing: Enqueueing, payload: EachBatchPayload): Promise<void> {
  const { queue, stopping } = enqueueing;
  while (!queue.hasRoom && !stopping.aborted && !payload.isStale()) {
    await queue.room(HEARTBEAT_EVERY_MS);
    await payload.heartbeat();
  }
  if (stopping.aborted || payload.isStale() || !payload.isRunning()) return;
  enqueue(enqueueing, payload);
  await payload.heartbeat();
}

/**
 * Fails at a batch that could not be decoded: its records must be neither skipped nor become dead letters.
 * Enqueues the due records and resolves their offsets, so that the driver fetches on. If a record is not due, the
 * partition is paused before it: its owner fetches the record again when it is due.
 */
function enqueue(enqueueing: Enqueueing, { batch, resolveOffset, pause }: EachBatchPayload): void {
  const { delay, partitions } = enqueueing;
  const { topic, partition } = batch;
  const fetchOffset = BigInt((batch as FetchedBatch).fetchedOffset);
  partitions.fetched({ topic, partition, fetchOffset, endOffset: BigInt(batch.highWatermark) });
  const unreadable = unreadableAtEnd(batch.messages);
  const messages = unreadable === undefined ? batch.messages : batch.messages.slice(0, -1);
  const { due, waiting } = delay === undefined ? { due: messages } : dueRecords(topic, messages, delay);
  if (unreadable !== undefined && waiting === undefined) throw batchUnreadable({ topic, partition }, unreadable);
  const nextOffset = waiting?.offset ?? BigInt(batch.lastOffset()) + 1n;
  if (waiting === undefined || due.length > 0) {
    push(enqueueing, {
      topic,
      partition,
      records: due,
      fromOffset: fetchOffset,
      nextOffset,
      isBehind: BigInt(batch.highWatermark) > nextOffset,
    });
    resolveOffset(due.at(-1)?.offset ?? batch.lastOffset());
  }
  if (waiting === undefined) return;
  partitions.pause({ topic, partition }, pause(), waiting.waitMs);
  partitions.lowerGoal({ topic, partition, nextOffset });
  enqueueing.onProgress();
}

function batchUnreadable({ topic, partition }: Partition, { firstOffset, lastOffset, why }: UnreadableBatch) {
  const range = `the records from offset ${firstOffset} to ${lastOffset} cannot be decoded: ${why}`;
  const fix = 'see "A batch that cannot be decoded" in docs/operations/dead-letters.md';
  return new LastseenError('batch_unreadable', `${topic} partition ${partition}: ${range}; ${fix}`);
}

/**
 * Enqueues batches of only control records. The driver skips them without calling the handler, but a partition may end
 * with one: its offset has to be applied and committed too. Can go when the driver calls the handler for them; it only
 * emits an event (tulios/kafkajs#1256).
 */
export function enqueueControlRecords(enqueueing: Enqueueing): void {
  const { consumer, partitions, stopping } = enqueueing;
  consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0 || stopping.aborted) return;
    const { topic, partition, highWatermark } = payload;
    // The driver's types lack that a batch without records has no first offset.
    const { firstOffset, lastOffset } = payload as { firstOffset: string | null; lastOffset: string };
    const fromOffset = partitions.fetchedTo(payload) ?? BigInt(firstOffset ?? lastOffset);
    partitions.fetched({ topic, partition, fetchOffset: fromOffset, endOffset: BigInt(highWatermark) });
    push(enqueueing, {
      topic,
      partition,
      records: [],
      fromOffset,
      nextOffset: BigInt(lastOffset) + 1n,
      isBehind: false,
    });
  });
}

/**
 * Enqueues what a fetch without records proves, so that the progress reaches the end of a partition whose last records were
 * removed by retention or compaction. An empty partition needs none.
 */
export function enqueueEmptyFetch(enqueueing: Enqueueing, fetch: EmptyFetch): void {
  const { consumer, partitions, stopping, onProgress } = enqueueing;
  const { topic, partition, fetchOffset, endOffset } = fetch;
  partitions.fetched(fetch);
  onProgress();
  const isKnown = endOffset === 0n || partitions.fetchedTo(fetch) === endOffset;
  if (isKnown || !partitions.owns(fetch) || stopping.aborted) return;
  push(enqueueing, { topic, partition, records: [], fromOffset: fetchOffset, nextOffset: endOffset });
  if (fetchOffset < endOffset) consumer.seek({ topic, partition, offset: String(endOffset) });
}

/**
 * Enqueues where the reading of each assigned partition starts: records below were removed before they were read, if no
 * progress is recorded. Without this they would be missed until the partition has a record that can be read.
 */
export async function enqueueStarts(
  enqueueing: Enqueueing,
  { kafka, groupId, topics }: { readonly kafka: Kafka; readonly groupId: string; readonly topics: readonly string[] },
): Promise<void> {
  const { partitions, stopping } = enqueueing;
  const committed = new Map(
    (await committedPositions(kafka, groupId, topics)).map((each) => [partitionKey(each), each.nextOffset]),
  );
  for (const { topic, partition, firstOffset, endOffset } of await topicBounds(kafka, topics)) {
    const offset = committed.get(partitionKey({ topic, partition }));
    // Outside of the log, the driver starts at the first record.
    const start = offset === undefined || offset < firstOffset || offset > endOffset ? firstOffset : offset;
    const isRead = partitions.fetchedTo({ topic, partition }) !== undefined;
    if (start === 0n || isRead || !partitions.owns({ topic, partition }) || stopping.aborted) continue;
    push(enqueueing, { topic, partition, records: [], fromOffset: start, nextOffset: start });
  }
}

function push({ consumer, partitions, queue, onProgress }: Enqueueing, fetched: RawBatch): void {
  const batch = partitions.take(fetched);
  if (batch !== undefined) queue.push(batch);
  onProgress();
  if (partitions.isFinished(fetched)) {
    consumer.pause([{ topic: fetched.topic, partitions: [fetched.partition] }]);
  }
}
