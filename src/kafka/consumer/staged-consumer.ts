import type { Consumer, Kafka } from 'kafkajs';
import { isRetriable } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import { retryOutages } from '../../runtime/retries.ts';
import { waitAtMost, withAbort } from '../../runtime/waiting.ts';
import type { Position } from '../client/records.ts';
import { failOnRefusal, kafkaFailure } from '../client/refusal.ts';
import { commitOwned, followAssignment } from './assignment.ts';
import { type BatchQueue, createBatchQueue } from './batch-queue.ts';
import type { ConsumerHealth } from './consumer-health.ts';
import type { Delay } from './delays.ts';
import { followDriver } from './driver-events.ts';
import { withEmptyFetches } from './empty-fetches.ts';
import {
  type Enqueueing,
  enqueueControlRecords,
  enqueueEmptyFetch,
  enqueueStarts,
  enqueueWhenRoom,
} from './enqueueing.ts';
import { FETCHING } from './fetching.ts';
import type { PartitionStates } from './partition-state.ts';
import { type StageLimits, StageRunner } from './stage-runner.ts';
import type { Stages } from './stages.ts';

export interface StagedConsumerOptions<A> {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** With ranges: only these are read, regardless of the group's committed offsets. */
  readonly partitions: PartitionStates;
  readonly stages: Stages<A>;
  readonly limits: StageLimits & { readonly maxQueuedBytes: number };
  readonly sessionTimeoutMs: number;
  readonly log: Logger;
  /** Absent: every record is due at once. */
  readonly delay?: Delay | undefined;
  readonly health: ConsumerHealth;
  /** Also hand over where reading starts, as batches without records; the group's offsets must be its positions. */
  readonly handsOverStarts?: boolean;
  /** Once aborted, work in flight is abandoned and `done` rejects with the signal's reason. */
  readonly graceDeadline: AbortSignal;
  readonly on: ConsumerListener;
}

export interface ConsumerListener {
  /** One accumulation is durable. */
  applied?(rows: number, tookMs: number): void;
  /** The progress of a bounded reading may have changed: records were fetched or committed, or one is not due. */
  progressed?(): void;
  commitFailed?(): void;
  /** The consumer waits for an outage to end, and retries. */
  outage?(error: Error, waitMs: number): void;
  outageEnded?(error: Error): void;
  joined?(): void;
  /** The driver crashed and restarts. */
  restarted?(error: Error): void;
  /** The driver crashed and does not restart; work in flight may take long to end. */
  died?(): void;
}

export interface StagedConsumer {
  /** Resolves after `stop`; rejects with the failure. Nothing is running afterwards. */
  readonly done: Promise<void>;
  /** Applies and commits what is queued, then leaves the group. */
  stop(): Promise<void>;
}

interface Running<A> extends StagedConsumerOptions<A> {
  readonly consumer: Consumer;
  readonly queue: BatchQueue;
  readonly stopping: AbortSignal;
}

const LEAVE_WITHIN_MS = 5_000;

/**
 * Reads topics as overlapping stages: while one accumulation is applied in a transaction, the next is decoded and
 * folded, and the one after is fetched.
 *
 * A batch is resolved as soon as it is queued, so that the driver fetches the next one. Its offset is committed only
 * after the transaction: after a crash in between, the batch is delivered again, which changes nothing. The consumer
 * waits for an outage in place: the queue fills, fetching stops, heartbeats continue, nothing is fetched twice. Any
 * other failure ends the consumer.
 */
export function startStagedConsumer<A>(options: StagedConsumerOptions<A>): StagedConsumer {
  const aborting = new AbortController();
  const stopping = aborting.signal;
  const queue = createBatchQueue(options.limits.maxQueuedBytes);
  const running = { ...options, consumer: createConsumer(options, stopping), queue, stopping };
  const runner = startRunner(running);
  followAssignment(running.consumer, options.partitions);
  followEvents(running, runner);
  startFetching(running).catch((error) => {
    if (!stopping.aborted) runner.fail(kafkaFailure('could not read from Kafka', error, false));
  });

  const close = async () => {
    aborting.abort();
    queue.wake();
    options.partitions.resumeAll();
    // The driver waits for its long poll (tulios/kafkajs#1596), and forever if a broker is gone (tulios/kafkajs#1147):
    // the deadline can go when that is fixed. Leaving the group only shortens the next rebalance.
    await waitAtMost(LEAVE_WITHIN_MS, running.consumer.disconnect()).catch(() => {});
  };
  const done = withAbort(options.graceDeadline, runner.done).then(close, async (error) => {
    runner.fail(error);
    await close();
    throw error;
  });
  // Avoids an unhandled rejection if the caller awaits `done` later.
  done.catch(() => {});
  return {
    done,
    async stop() {
      aborting.abort();
      void runner.finish();
      await done.catch(() => {});
    },
  };
}

function createConsumer<A>(options: StagedConsumerOptions<A>, stopping: AbortSignal): Consumer {
  const { kafka, groupId, sessionTimeoutMs } = options;
  return kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 10),
    rebalanceTimeout: Math.max(sessionTimeoutMs, 10_000),
    ...FETCHING,
    allowAutoTopicCreation: false,
    // The driver notices added partitions after this time, joins again and reads them from their beginning.
    metadataMaxAge: sessionTimeoutMs,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 10_000, restartOnFailure: async () => !stopping.aborted },
  });
}

function startRunner<A>(running: Running<A>): StageRunner<A> {
  const { health, on, partitions, stages } = running;
  return new StageRunner({
    queue: running.queue,
    stages: {
      ...stages,
      async apply(accumulation, positions) {
        const startedAt = performance.now();
        const rows = stages.size(accumulation);
        await stages.apply(accumulation, positions);
        on.applied?.(rows, performance.now() - startedAt);
      },
    },
    limits: running.limits,
    isOutage: isRetriable,
    onOutage(error, waitMs) {
      health.stagesActed(performance.now());
      on.outage?.(error, waitMs);
    },
    onOutageEnded: on.outageEnded,
    onTurn: () => health.stagesActed(performance.now()),
    async commit(positions) {
      await commit(running, positions);
      partitions.applied(positions);
      on.progressed?.();
    },
  });
}

/** A failed commit is only logged. The next commit covers it; until then applied records may be read again. */
async function commit<A>(running: Running<A>, positions: readonly Position[]): Promise<void> {
  try {
    await commitOwned(running.consumer, running.partitions, positions);
  } catch (error) {
    running.on.commitFailed?.();
    running.log.warn({ event: 'offset_commit_failed', error: (error as Error).message }, 'offsets not committed');
  }
}

function followEvents<A>({ consumer, health, log, on, stopping }: Running<A>, runner: StageRunner<A>): void {
  followDriver(consumer, health, {
    joined: () => on.joined?.(),
    crashed(error, restarts) {
      if (restarts) {
        on.restarted?.(kafkaFailure('the Kafka consumer restarts', error));
        return log.debug({ event: 'consumer_restarting', error: error.message }, 'consumer restarts');
      }
      // The driver does not restart while stopping. What was collected is applied without it.
      if (stopping.aborted) return;
      health.died(`the Kafka consumer crashed: ${error.message}`);
      runner.fail(kafkaFailure('the Kafka consumer crashed', error, false));
      on.died?.();
    },
  });
}

async function startFetching<A>(running: Running<A>): Promise<void> {
  const { consumer, health, on, stopping } = running;
  const enqueueing = { ...running, delay: running.delay, onProgress: () => on.progressed?.() };
  enqueueControlRecords(enqueueing);
  if (running.handsOverStarts === true)
    consumer.on(consumer.events.GROUP_JOIN, () => void handOverStarts(running, enqueueing));
  await retryOutages(() => connect(running), {
    isOutage: isRetriable,
    signal: stopping,
    onOutage(error, waitMs) {
      health.driverActed(performance.now());
      on.outage?.(error, waitMs);
    },
    onEnded: on.outageEnded,
  });
  if (stopping.aborted) return;
  await withEmptyFetches(
    (fetch) => enqueueEmptyFetch(enqueueing, fetch),
    () =>
      consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => enqueueWhenRoom(enqueueing, payload),
      }),
  );
}

/** A failure is only logged: the first batch that is read shows the same. */
async function handOverStarts<A>(running: Running<A>, enqueueing: Enqueueing): Promise<void> {
  try {
    await enqueueStarts(enqueueing, running);
  } catch (error) {
    running.log.debug({ event: 'offset_fetch_failed', error: (error as Error).message }, 'could not fetch offsets');
  }
}

async function connect<A>({ kafka, consumer, topics }: Running<A>): Promise<void> {
  try {
    await failOnRefusal(kafka, consumer.connect());
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  } catch (error) {
    throw kafkaFailure('could not read from Kafka', error, isTransient(error));
  }
}

/** The driver's own rule for a restart. */
function isTransient(error: unknown): boolean {
  const { name, retriable } = error as { name?: unknown; retriable?: unknown };
  return name === 'KafkaJSNumberOfRetriesExceeded' || retriable === true;
}
