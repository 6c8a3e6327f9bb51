import { describeHidden } from '../kafka/admin/hidden-records.ts';
import { committedPositions, endPositions, topicBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { partitionKey } from '../kafka/client/records.ts';
import type { Delay } from '../kafka/consumer/delays.ts';
import type { StageLimits } from '../kafka/consumer/stage-runner.ts';
import { type ConsumerListener, startStagedConsumer } from '../kafka/consumer/staged-consumer.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { LastseenError, safeMessage } from '../runtime/errors.ts';
import { withAbort } from '../runtime/waiting.ts';
import { createOutageReporter } from './outage-waits.ts';
import type { ConsumerState } from './probes.ts';
import { showProgress } from './progress/progress-bar.ts';
import type { CommandContext } from './run-command.ts';
import type { WorkReport } from './work-report.ts';

export interface TopicReading<A> {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly stages: Stages<A>;
  readonly state: ConsumerState;
  /** Read to the current ends of the topics, with a progress bar; else until a stop signal. */
  readonly untilEnd: boolean;
  readonly delay?: Delay;
  readonly report: Pick<WorkReport, 'joined' | 'progressed'>;
  /** Replaces limits of the configuration. */
  readonly limits?: Partial<StageLimits>;
}

const READ_COMMITS_EVERY_MS = 2_000;

/**
 * Runs a consumer until a stop signal. With `untilEnd` it also ends at the current ends of the topics, or before the
 * first record that is not due.
 */
export async function readTopics<A>(context: CommandContext, reading: TopicReading<A>): Promise<void> {
  const { log, stopping, live } = context;
  const { kafka, groupId, topics, untilEnd } = reading;
  const { health, partitions } = reading.state;
  if (untilEnd) {
    await withAbort(stopping, setGoalsNow(reading));
    if (partitions.progress.isDone) return;
  }
  const { total } = partitions.progress;
  const progress = untilEnd ? showProgress({ what: groupId, unit: 'records', total, log, live }) : undefined;

  const finished = Promise.withResolvers<void>();
  const updateProgress = () => {
    reading.report.progressed();
    if (!untilEnd) return;
    progress?.update(partitions.progress.read);
    if (partitions.progress.isDone) finished.resolve();
  };
  const consumer = startStagedConsumer({
    ...consumerSettings(context, reading.limits),
    kafka,
    groupId,
    topics,
    partitions,
    stages: reading.stages,
    delay: reading.delay,
    health,
    handsOverStarts: true,
    on: { ...listener(context, reading), progressed: updateProgress },
  });
  if (stopping.aborted) finished.resolve();
  stopping.addEventListener('abort', () => finished.resolve(), { once: true });
  const watchHidden = createHiddenWatch(context, reading, finished.reject);
  const others = untilEnd
    ? setInterval(() => {
        readCommitsOfOthers(context, reading, updateProgress);
        watchHidden();
      }, READ_COMMITS_EVERY_MS)
    : undefined;
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

async function setGoalsNow<A>({ kafka, groupId, topics, state }: TopicReading<A>): Promise<void> {
  state.partitions.setGoals(await topicBounds(kafka, topics), await committedPositions(kafka, groupId, topics));
}

/** Other members of the group may read some of the partitions. */
function readCommitsOfOthers<A>({ log }: CommandContext, reading: TopicReading<A>, updateProgress: () => void): void {
  const { kafka, groupId, topics, state } = reading;
  committedPositions(kafka, groupId, topics)
    .then((positions) => state.partitions.applied(positions))
    .then(updateProgress, (error) =>
      log.debug({ event: 'offset_fetch_failed', error: safeMessage(error) }, 'could not fetch committed offsets'),
    );
}

/**
 * Ends a reading of which nothing but records behind open transactions is left, and which has made no progress for
 * `WAIT_FRESH`.
 */
function createHiddenWatch<A>(
  { log, settings }: CommandContext,
  { kafka, topics, state: { partitions } }: TopicReading<A>,
  end: (error: LastseenError) => void,
): () => void {
  let applied = -1;
  let sinceMs = 0;
  const check = async () => {
    if (partitions.progress.applied !== applied) {
      applied = partitions.progress.applied;
      sinceMs = performance.now();
    }
    if (performance.now() - sinceMs < settings.WAIT_FRESH) return;
    const left = new Set(partitions.unfinished);
    const ends = (await endPositions(kafka, topics)).filter((each) => left.has(partitionKey(each)));
    if (ends.length === 0 || ends.some(({ nextOffset, stableOffset }) => stableOffset >= nextOffset)) return;
    end(
      new LastseenError('not_fresh', ends.map((each) => `cannot read to the end: ${describeHidden(each)}`).join('\n')),
    );
  };
  return () => {
    check().catch((error) =>
      log.debug({ event: 'offset_fetch_failed', error: safeMessage(error) }, 'could not fetch the ends of the topics'),
    );
  };
}

function listener<A>(context: CommandContext, { groupId, report }: TopicReading<A>): ConsumerListener {
  const { metrics, outages } = context;
  const { onOutage, onEnded } = createOutageReporter(context);
  return {
    applied(rows, tookMs) {
      metrics.flushRows.observe(rows);
      metrics.flushSeconds.observe(tookMs / 1000);
    },
    commitFailed: () => metrics.offsetCommitFailures.inc(),
    outage: onOutage,
    outageEnded: onEnded,
    joined() {
      metrics.groupJoins.inc();
      outages.answered('kafka_unavailable');
      report.joined(groupId);
    },
    restarted(error) {
      metrics.consumerRestarts.inc();
      outages.failed('kafka_unavailable', safeMessage(error));
    },
    died: context.startShutdownTimer,
  };
}

/** The limits and the shutdown of a consumer, from the settings. */
export function consumerSettings(
  { settings, log, graceDeadline }: CommandContext,
  limits: Partial<StageLimits> | undefined,
) {
  return {
    limits: {
      maxDelayMs: settings.FLUSH_MAX_DELAY,
      maxDelayBehindMs: settings.FLUSH_MAX_DELAY_BEHIND,
      maxRows: settings.FLUSH_MAX_ROWS,
      maxQueuedBytes: settings.QUEUE_MAX_BYTES,
      ...limits,
    },
    sessionTimeoutMs: settings.KAFKA_SESSION_TIMEOUT,
    log,
    graceDeadline,
  };
}
