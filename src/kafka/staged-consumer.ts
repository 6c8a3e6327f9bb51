import type { Batch, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { isRetriable } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logging.ts';
import { createBatchQueue } from './batch-queue.ts';
import { type Partition, type Position, partitionKey, type RawRecord } from './records.ts';
import { kafkaFailure, unlessRefused } from './refusal.ts';
import { runStages, type StageLimits } from './stage-runner.ts';
import type { Stages } from './stages.ts';

export interface StagedConsumerOptions<A> {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly stages: Stages<A>;
  readonly limits: StageLimits & { readonly maxQueuedBytes: number };
  readonly sessionTimeoutMs: number;
  readonly log: Logger;
  /** Called after positions were applied and their offsets handed to the broker. */
  readonly onCommitted?: (positions: readonly Position[]) => void;
  /** Called when an outage holds the consumer; it waits and tries again by itself. */
  readonly onOutage?: (error: Error, waitMs: number) => void;
}

export interface StagedConsumer {
  /** Resolves after `stop`; rejects with what ended the consumer. Either way nothing is left running. */
  readonly done: Promise<void>;
  /** Applies and commits what was collected, then leaves the group. */
  stop(): Promise<void>;
}

/** What the driver's types leave out. */
type FetchedBatch = Batch & { readonly fetchedOffset: string };

const HEARTBEAT_EVERY_MS = 1_000;
const LEAVE_WITHIN_MS = 8_000;

/**
 * Reads topics as overlapping stages: while one accumulation is applied in a transaction, the next is decoded and
 * folded, and the one after is fetched.
 *
 * A batch counts as read (resolved) as soon as it is queued, so the driver fetches on; its offset is committed to
 * Kafka only after the transaction. A crash in between delivers it again, which changes nothing. An outage is waited
 * for in place: the queue fills, fetching halts, heartbeats go on, and nothing is fetched twice. Any other failure
 * ends the consumer.
 */
export async function startStagedConsumer<A>(options: StagedConsumerOptions<A>): Promise<StagedConsumer> {
  const { kafka, log } = options;
  const queue = createBatchQueue(options.limits.maxQueuedBytes);
  const ended = Promise.withResolvers<void>();
  // Whoever looks at `done` late must not find the process gone over an unhandled rejection.
  ended.promise.catch(() => {});
  let stopping = false;

  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: Math.floor(options.sessionTimeoutMs / 10),
    rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
    maxBytesPerPartition: 1_048_576,
    maxWaitTimeInMs: 250,
    minBytes: 1,
    allowAutoTopicCreation: false,
    // How soon added partitions are seen: the driver then joins anew and reads them from their beginning.
    metadataMaxAge: options.sessionTimeoutMs,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 10_000, restartOnFailure: async () => !stopping },
  });
  const assignment = watchAssignment(consumer);

  const runner = runStages({
    queue,
    stages: options.stages,
    limits: options.limits,
    isOutage: isRetriable,
    ...(options.onOutage === undefined ? {} : { onOutage: options.onOutage }),
    commit: async (positions) => {
      await commit(consumer, positions.filter(assignment.has), log);
      options.onCommitted?.(positions);
    },
  });

  const close = async () => {
    stopping = true;
    queue.wake();
    // The driver waits for handlers and for its long poll, and hangs where a broker is gone.
    await Promise.race([consumer.disconnect(), new Promise((resolve) => setTimeout(resolve, LEAVE_WITHIN_MS).unref())]);
  };
  runner.done.then(
    () => close().then(ended.resolve, ended.reject),
    (error) =>
      close()
        .catch(() => {})
        .then(() => ended.reject(error)),
  );
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (payload.restart)
      return log.warn({ event: 'consumer_restart', error: payload.error.message }, 'consumer restarts');
    runner.fail(kafkaFailure('the Kafka consumer ended', payload.error, false));
  });

  const enqueue = ({ batch, resolveOffset }: EachBatchPayload) => {
    const last = batch.lastOffset();
    push(batch, batch.messages, BigInt((batch as FetchedBatch).fetchedOffset), BigInt(last) + 1n);
    resolveOffset(batch.messages.at(-1)?.offset ?? last);
  };
  const reached = new Map<string, bigint>();
  const push = (
    { topic, partition }: Partition,
    records: readonly RawRecord[],
    fromOffset: bigint,
    nextOffset: bigint,
  ) => {
    queue.push({ topic, partition, records, fromOffset, nextOffset });
    reached.set(partitionKey({ topic, partition }), nextOffset);
  };
  consumer.on(consumer.events.GROUP_JOIN, () => reached.clear());
  // Control records alone are passed over without a call of the handler, and yet they are what a partition may end with.
  consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0 || stopping) return;
    const { firstOffset, lastOffset } = payload as { firstOffset: string | null; lastOffset: string };
    const from = reached.get(partitionKey(payload)) ?? BigInt(firstOffset ?? lastOffset);
    push(payload, [], from, BigInt(lastOffset) + 1n);
  });

  try {
    await unlessRefused(kafka, consumer.connect());
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        while (!queue.hasRoom && !stopping && !payload.isStale()) {
          await queue.room(HEARTBEAT_EVERY_MS);
          await payload.heartbeat();
        }
        if (stopping || payload.isStale() || !payload.isRunning()) return;
        enqueue(payload);
        await payload.heartbeat();
      },
    });
  } catch (error) {
    runner.fail(kafkaFailure('cannot read from Kafka', error, false));
  }

  return {
    done: ended.promise,
    async stop() {
      stopping = true;
      await runner.finish();
      await ended.promise.catch(() => {});
    },
  };
}

/** The partitions this member owns now: an offset committed for another's partition could set its group back. */
function watchAssignment(consumer: Consumer): { has: (position: Position) => boolean } {
  let owned = new Map<string, readonly number[]>();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    owned = new Map(Object.entries(payload.memberAssignment));
  });
  return { has: ({ topic, partition }) => owned.get(topic)?.includes(partition) ?? false };
}

/** A commit that fails costs a second reading of applied records, never a record: it is logged, and the next one covers it. */
async function commit(consumer: Consumer, positions: readonly Position[], log: Logger): Promise<void> {
  if (positions.length === 0) return;
  try {
    await consumer.commitOffsets(
      positions.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: String(nextOffset) })),
    );
  } catch (error) {
    log.warn({ event: 'offset_commit_failed', error: (error as Error).message }, 'offsets not committed');
  }
}
