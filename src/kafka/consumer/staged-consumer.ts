import type { Batch, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { isRetriable } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import { retryOutages } from '../../runtime/retries.ts';
import { waitAtMost, withAbort } from '../../runtime/waiting.ts';
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
  /** Read only these ranges, regardless of the group's committed offsets. */
  readonly range?: RangeReader | undefined;
  readonly stages: Stages<A>;
  readonly limits: StageLimits & { readonly maxQueuedBytes: number };
  readonly sessionTimeoutMs: number;
  readonly log: Logger;
  /** Absent: every record is due at once. */
  readonly delay?: Delay | undefined;
  readonly vitals: VitalSigns;
  /** Once aborted, work in flight is abandoned and `done` rejects with the signal's reason. */
  readonly shutdownDeadline: AbortSignal;
  readonly on: ConsumerListener;
}

export interface ConsumerListener {
  fetched?(batch: RawBatch): void;
  /** One accumulation is durable. */
  applied?(rows: number, tookMs: number): void;
  /** Positions were applied and their offsets committed. */
  committed?(positions: readonly Position[]): void;
  commitFailed?(): void;
  /** The record at the position is not due; all records before it are read. */
  postponed?(position: Position): void;
  /** The consumer waits for an outage to end, and retries. */
  outage?(error: Error, waitMs: number): void;
  joined?(): void;
  /** The driver crashed and restarts. */
  restarted?(): void;
  /** The driver crashed and does not restart; work in flight may take long to end. */
  died?(): void;
}

export interface StagedConsumer {
  /** Resolves after `stop`; rejects with the failure. Nothing is running afterwards. */
  readonly done: Promise<void>;
  /** Applies and commits what is queued, then leaves the group. */
  stop(): Promise<void>;
}

/** A field that the driver's types lack. */
type FetchedBatch = Batch & { readonly fetchedOffset: string };

const HEARTBEAT_EVERY_MS = 1_000;
const LEAVE_WITHIN_MS = 5_000;

/**
 * Reads topics as overlapping stages: while one accumulation is applied in a transaction, the next is decoded and
 * folded, and the one after is fetched.
 *
 * A batch is resolved as soon as it is queued, so that the driver fetches the next one. Its offset is committed only
 * after the transaction: after a crash in between, the batch is delivered again, which changes nothing. The consumer
 * waits for an outage in place: the queue fills, fetching stops, heartbeats continue, nothing is fetched twice. Any other
 * failure ends the consumer.
 *
 * A partition whose next record is not due is paused and its offset is not resolved: the owner of the partition fetches
 * the record again when it is due. The record is not kept.
 */
export function startStagedConsumer<A>(options: StagedConsumerOptions<A>): StagedConsumer {
  const { kafka, log, on, vitals } = options;
  const queue = createBatchQueue(options.limits.maxQueuedBytes);
  const ended = Promise.withResolvers<void>();
  // Avoids an unhandled rejection if the caller awaits `done` later.
  ended.promise.catch(() => {});
  const stopping = new AbortController();

  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: Math.floor(options.sessionTimeoutMs / 10),
    rebalanceTimeout: Math.max(options.sessionTimeoutMs, 10_000),
    ...FETCHING,
    allowAutoTopicCreation: false,
    // The driver notices added partitions after this time, joins again and reads them from their beginning.
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
      // A commit for a partition of another member could move the group's offset back.
      await commit(consumer, positions.filter(vitals.owns), log, on);
      on.committed?.(positions);
    },
  });
  feedVitalSigns(consumer, vitals, {
    joined() {
      // The new owner decides again which partitions wait. The driver would keep them paused.
      pauses.end();
      on.joined?.();
    },
    crashed: (error, restarts) => {
      if (restarts) {
        on.restarted?.();
        return log.warn({ event: 'consumer_restarting', error: error.message }, 'consumer restarts');
      }
      // The driver does not restart while stopping. What was collected is applied without it.
      if (stopping.signal.aborted) return;
      vitals.died(`the Kafka consumer crashed: ${error.message}`);
      runner.fail(kafkaFailure('the Kafka consumer crashed', error, false));
      on.died?.();
    },
  });

  const close = async () => {
    stopping.abort();
    queue.wake();
    pauses.end();
    // The driver waits for handlers and its long poll (tulios/kafkajs#1596), and does not return if a broker is gone
    // (tulios/kafkajs#1147). Leaving the group only shortens the next rebalance.
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
  // The driver skips a batch of control records without calling the handler (tulios/kafkajs#1256), but a partition may
  // end with one: its offset has to be committed too.
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

/** The driver's own rule for a restart. */
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
 * Replaces manual assignment, which the driver lacks (tulios/kafkajs#373). A seek after joining the group takes effect
 * before the first fetch. Partitions without a rest are paused.
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

/** A failed commit is only logged. The next commit covers it; until then applied records may be read again. */
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
