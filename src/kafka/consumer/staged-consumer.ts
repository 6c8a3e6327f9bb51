import type { Batch, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { isRetriable } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import { retryOutages } from '../../runtime/outages.ts';
import { waitAtMost, withAbort } from '../../runtime/timeouts.ts';
import { type Partition, type Position, partitionKey, type RawBatch, type RawRecord } from '../client/records.ts';
import { kafkaFailure, unlessRefused } from '../client/refusal.ts';
import { createBatchQueue } from './batch-queue.ts';
import { createPauses, type Delay, dueRecords } from './delays.ts';
import { feedVitalSigns } from './driver-signs.ts';
import { FETCHING } from './fetching.ts';
import type { RangeReader } from './offset-range.ts';
import { runStages, type StageLimits } from './stage-runner.ts';
import type { Stages } from './stages.ts';
import type { VitalSigns } from './vital-signs.ts';

export interface StagedConsumerOptions<A> {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Read this alone, wherever the group's committed offsets stand. */
  readonly range?: RangeReader | undefined;
  readonly stages: Stages<A>;
  readonly limits: StageLimits & { readonly maxQueuedBytes: number };
  readonly sessionTimeoutMs: number;
  readonly log: Logger;
  /** Absent: every record is read as soon as it is there. */
  readonly delay?: Delay | undefined;
  readonly vitals: VitalSigns;
  /** Once aborted, what is still in flight is left to itself: `done` then rejects with the signal's reason. */
  readonly shutdownDeadline: AbortSignal;
  readonly on: ConsumerListener;
}

export interface ConsumerListener {
  fetched?(batch: RawBatch): void;
  /** One accumulation is durable. */
  applied?(rows: number, tookMs: number): void;
  /** Positions were applied and their offsets handed to the broker. */
  committed?(positions: readonly Position[]): void;
  commitFailed?(): void;
  /** The record at the position is not due; all before it are read. */
  postponed?(position: Position): void;
  /** An outage holds the consumer; it waits and tries again by itself. */
  outage?(error: Error, waitMs: number): void;
  joined?(): void;
  /** The driver has given up, and starts again by itself. */
  restarted?(): void;
  /** The driver has given up for good: what is in flight may take long to end. */
  died?(): void;
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
const LEAVE_WITHIN_MS = 5_000;

/**
 * Reads topics as overlapping stages: while one accumulation is applied in a transaction, the next is decoded and
 * folded, and the one after is fetched.
 *
 * A batch counts as read (resolved) as soon as it is queued, so the driver fetches on; its offset is committed to
 * Kafka only after the transaction. A crash in between delivers it again, which changes nothing. An outage is waited
 * for in place: the queue fills, fetching halts, heartbeats go on, and nothing is fetched twice. Any other failure
 * ends the consumer.
 *
 * A partition whose next record is not due is paused, and its offset stays where it is: the record is fetched again when
 * it is due, by whoever has the partition then. Nothing of it is kept meanwhile.
 */
export function startStagedConsumer<A>(options: StagedConsumerOptions<A>): StagedConsumer {
  const { kafka, log, on, vitals } = options;
  const queue = createBatchQueue(options.limits.maxQueuedBytes);
  const ended = Promise.withResolvers<void>();
  // Whoever looks at `done` late must not find the process gone over an unhandled rejection.
  ended.promise.catch(() => {});
  const stopping = new AbortController();

  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: Math.floor(options.sessionTimeoutMs / 10),
    rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
    ...FETCHING,
    allowAutoTopicCreation: false,
    // How soon added partitions are seen: the driver then joins anew and reads them from their beginning.
    metadataMaxAge: options.sessionTimeoutMs,
    retry: {
      retries: 8,
      initialRetryTime: 200,
      maxRetryTime: 10_000,
      restartOnFailure: async () => !stopping.signal.aborted,
    },
  });
  const pauses = createPauses();
  const { range } = options;
  if (range !== undefined) keepToRange(consumer, range);

  const runner = runStages({
    queue,
    stages: timed(options.stages, on),
    limits: options.limits,
    isOutage: isRetriable,
    onOutage(error, waitMs) {
      vitals.stagesActed(performance.now());
      on.outage?.(error, waitMs);
    },
    onTurn: () => vitals.stagesActed(performance.now()),
    commit: async (positions) => {
      // An offset committed for another member's partition could set its group back.
      await commit(consumer, positions.filter(vitals.owns), log, on);
      on.committed?.(positions);
    },
  });
  feedVitalSigns(consumer, vitals, {
    joined() {
      // Which partitions wait is for their next owner to see; the driver would keep them paused.
      pauses.end();
      on.joined?.();
    },
    crashed: (error, restarts) => {
      if (restarts) {
        on.restarted?.();
        return log.warn({ event: 'consumer_restarting', error: error.message }, 'consumer restarts');
      }
      // While stopping it is not to restart: what was collected is applied without it.
      if (stopping.signal.aborted) return;
      vitals.died(`the Kafka consumer ended: ${error.message}`);
      runner.fail(kafkaFailure('the Kafka consumer ended', error, false));
      on.died?.();
    },
  });

  const close = async () => {
    stopping.abort();
    queue.wake();
    pauses.end();
    // The driver waits for handlers and for its long poll, and hangs where a broker is gone; leaving is a courtesy.
    await waitAtMost(LEAVE_WITHIN_MS, consumer.disconnect()).catch(() => {});
  };
  withAbort(options.shutdownDeadline, runner.done).then(
    () => close().then(ended.resolve),
    (error) => {
      runner.fail(error);
      return close().then(() => ended.reject(error));
    },
  );

  const enqueue = ({ batch, resolveOffset, pause }: EachBatchPayload) => {
    const { topic, partition, messages } = batch;
    const { due, waiting } =
      options.delay === undefined ? { due: messages } : dueRecords(topic, messages, options.delay);
    const nextOffset = waiting?.offset ?? BigInt(batch.lastOffset()) + 1n;
    if (waiting === undefined || due.length > 0) {
      push(
        batch,
        due,
        BigInt((batch as FetchedBatch).fetchedOffset),
        nextOffset,
        BigInt(batch.highWatermark) > nextOffset,
      );
      resolveOffset(due.at(-1)?.offset ?? batch.lastOffset());
    }
    if (waiting === undefined) return;
    pauses.hold(partitionKey(batch), pause(), waiting.waitMs);
    on.postponed?.({ topic, partition, nextOffset });
  };
  const reached = new Map<string, bigint>();
  const push = (
    { topic, partition }: Partition,
    records: readonly RawRecord[],
    fromOffset: bigint,
    nextOffset: bigint,
    isBehind: boolean,
  ) => {
    const read = { topic, partition, records, fromOffset, nextOffset, isBehind };
    const batch = range === undefined ? read : range.take(read);
    if (batch !== undefined) {
      on.fetched?.(batch);
      queue.push(batch);
    }
    if (range !== undefined && range.nextOffset(read) === undefined) {
      consumer.pause([{ topic, partitions: [partition] }]);
    }
    reached.set(partitionKey({ topic, partition }), nextOffset);
  };
  consumer.on(consumer.events.GROUP_JOIN, () => reached.clear());
  // Control records alone are passed over without a call of the handler, and yet they are what a partition may end with.
  consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0 || stopping.signal.aborted) return;
    const { firstOffset, lastOffset } = payload as { firstOffset: string | null; lastOffset: string };
    const from = reached.get(partitionKey(payload)) ?? BigInt(firstOffset ?? lastOffset);
    push(payload, [], from, BigInt(lastOffset) + 1n, false);
  });

  const connect = async () => {
    try {
      await unlessRefused(kafka, consumer.connect());
      await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    } catch (error) {
      throw kafkaFailure('cannot read from Kafka', error, isTransient(error));
    }
  };
  const start = async () => {
    await retryOutages(connect, {
      isOutage: isRetriable,
      impatient: stopping.signal,
      onOutage(error, waitMs) {
        vitals.driverActed(performance.now());
        on.outage?.(error, waitMs);
      },
    });
    if (stopping.signal.aborted) return;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        while (!queue.hasRoom && !stopping.signal.aborted && !payload.isStale()) {
          await queue.room(HEARTBEAT_EVERY_MS);
          await payload.heartbeat();
        }
        if (stopping.signal.aborted || payload.isStale() || !payload.isRunning()) return;
        enqueue(payload);
        await payload.heartbeat();
      },
    });
  };
  start().catch((error) => {
    if (!stopping.signal.aborted) runner.fail(kafkaFailure('cannot read from Kafka', error, false));
  });

  return {
    done: ended.promise,
    async stop() {
      stopping.abort();
      void runner.finish();
      await ended.promise.catch(() => {});
    },
  };
}

/** As the driver decides whether to start again. */
function isTransient(error: unknown): boolean {
  const { name, retriable } = error as { name?: unknown; retriable?: unknown };
  return name === 'KafkaJSNumberOfRetriesExceeded' || retriable === true;
}

function timed<A>(stages: Stages<A>, on: ConsumerListener): Stages<A> {
  return {
    ...stages,
    async apply(accumulation, positions) {
      const startedAt = performance.now();
      const rows = stages.size(accumulation);
      await stages.apply(accumulation, positions);
      on.applied?.(rows, performance.now() - startedAt);
    },
  };
}

/**
 * The driver has no assignment by hand. What is sought when the group was joined takes effect before anything is fetched;
 * partitions of which nothing is left are not fetched at all.
 */
function keepToRange(consumer: Consumer, range: RangeReader): void {
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      for (const partition of partitions) {
        const next = range.nextOffset({ topic, partition });
        if (next === undefined) consumer.pause([{ topic, partitions: [partition] }]);
        else consumer.seek({ topic, partition, offset: String(next) });
      }
    }
  });
}

/** A commit that fails costs a second reading of applied records, never a record: it is logged, and the next one covers it. */
async function commit(
  consumer: Consumer,
  positions: readonly Position[],
  log: Logger,
  on: ConsumerListener,
): Promise<void> {
  if (positions.length === 0) return;
  try {
    await consumer.commitOffsets(
      positions.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: String(nextOffset) })),
    );
  } catch (error) {
    on.commitFailed?.();
    log.warn({ event: 'offset_commit_failed', error: (error as Error).message }, 'offsets not committed');
  }
}
