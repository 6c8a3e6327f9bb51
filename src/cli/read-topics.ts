import { committedPositions, topicBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { type CatchUp, createCatchUp } from '../kafka/consumer/catch-up.ts';
import type { Delay } from '../kafka/consumer/delays.ts';
import type { StageLimits } from '../kafka/consumer/stage-runner.ts';
import { type ConsumerListener, startStagedConsumer } from '../kafka/consumer/staged-consumer.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import type { WaitingRecords } from '../kafka/consumer/waiting-records.ts';
import { safeMessage } from '../runtime/errors.ts';
import { withAbort } from '../runtime/waiting.ts';
import { createOutageReporter } from './outage-waits.ts';
import type { ConsumerState } from './probes.ts';
import { showProgress } from './progress-bar.ts';
import type { CommandContext } from './run-command.ts';

export interface Reading<A> {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly stages: Stages<A>;
  readonly state: ConsumerState;
  /** Read to the current ends of the topics, with a progress bar; else until a stop signal. */
  readonly untilEnd: boolean;
  readonly delay?: Delay;
  /** Replaces limits of the configuration. */
  readonly limits?: Partial<StageLimits>;
}

const LOOK_AT_OTHERS_EVERY_MS = 2_000;

/**
 * Runs a consumer until a stop signal. With `untilEnd` it also ends at the current ends of the topics, or before the
 * first record that is not due.
 */
export async function readTopics<A>(context: CommandContext, reading: Reading<A>): Promise<void> {
  const { log, stopping } = context;
  const { kafka, groupId, topics } = reading;
  const catchUp = reading.untilEnd ? await withAbort(stopping, catchUpNow(kafka, groupId, topics)) : undefined;
  if (catchUp?.reached) return;
  const progress =
    catchUp && showProgress({ what: groupId, unit: 'records', total: catchUp.total, log, terminal: context.terminal });

  const finished = Promise.withResolvers<void>();
  const look = () => {
    if (catchUp === undefined) return;
    progress?.update(catchUp.read);
    if (catchUp.reached) finished.resolve();
  };
  const settings = consumerSettings(context);
  const consumer = startStagedConsumer({
    ...settings,
    limits: { ...settings.limits, ...reading.limits },
    kafka,
    groupId,
    topics,
    stages: reading.stages,
    delay: reading.delay,
    vitals: reading.state.vitals,
    on: {
      ...listener(context, reading.state.waiting),
      committed(positions) {
        reading.state.waiting.applied(positions);
        catchUp?.advance(positions);
        look();
      },
      postponed(position) {
        catchUp?.endAt(position);
        look();
      },
    },
  });
  if (stopping.aborted) finished.resolve();
  stopping.addEventListener('abort', () => finished.resolve(), { once: true });

  // Other members of the group may read some of the partitions.
  const others = setInterval(() => {
    if (catchUp === undefined) return;
    committedPositions(kafka, groupId, topics)
      .then((positions) => catchUp.advance(positions))
      .then(look, (error) =>
        log.debug({ event: 'offset_fetch_failed', error: safeMessage(error) }, 'could not fetch committed offsets'),
      );
  }, LOOK_AT_OTHERS_EVERY_MS);

  try {
    await Promise.race([finished.promise, consumer.done]);
  } catch (error) {
    context.startShutdownTimer();
    throw error;
  } finally {
    clearInterval(others);
    progress?.end();
    await consumer.stop();
  }
  await consumer.done;
}

async function catchUpNow(kafka: KafkaClient, groupId: string, topics: readonly string[]): Promise<CatchUp> {
  return createCatchUp(await topicBounds(kafka, topics), await committedPositions(kafka, groupId, topics));
}

function listener(context: CommandContext, waiting: WaitingRecords): ConsumerListener {
  const { metrics } = context;
  return {
    fetched: waiting.fetched,
    applied(rows, tookMs) {
      metrics.flushRows.observe(rows);
      metrics.flushSeconds.observe(tookMs / 1000);
    },
    commitFailed: () => metrics.offsetCommitFailures.inc(),
    outage: createOutageReporter(context),
    joined: () => metrics.groupJoins.inc(),
    restarted: () => metrics.consumerRestarts.inc(),
    died: context.startShutdownTimer,
  };
}

/** The limits and the shutdown of a consumer, from the settings. */
export function consumerSettings({ settings, log, shutdownDeadline }: CommandContext) {
  return {
    limits: {
      maxDelayMs: settings.FLUSH_MAX_DELAY,
      maxDelayBehindMs: settings.FLUSH_MAX_DELAY_BEHIND,
      maxRows: settings.FLUSH_MAX_ROWS,
      maxQueuedBytes: settings.QUEUE_MAX_BYTES,
    },
    sessionTimeoutMs: settings.KAFKA_SESSION_TIMEOUT,
    log,
    shutdownDeadline,
  };
}
