import { deleteGroup } from '../kafka/admin/groups.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { type Position, partitionKey } from '../kafka/client/records.ts';
import { ConsumerHealth } from '../kafka/consumer/consumer-health.ts';
import type { OffsetRange } from '../kafka/consumer/offset-ranges.ts';
import { PartitionStates } from '../kafka/consumer/partition-state.ts';
import type { StageLimits } from '../kafka/consumer/stage-runner.ts';
import { type StagedConsumer, startStagedConsumer } from '../kafka/consumer/staged-consumer.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { LastseenError } from '../runtime/errors.ts';
import { createOutageReporter } from './outage-waits.ts';
import { showProgress } from './progress/progress-bar.ts';
import { consumerSettings } from './read-topics.ts';
import type { CommandContext } from './run-command.ts';

export interface RangeReading<A> {
  readonly kafka: KafkaClient;
  /** A group for this reading only; it is deleted at the end. */
  readonly groupId: string;
  readonly ranges: readonly OffsetRange[];
  /** Ends of the ranges without an end, for the progress shown and the start of `afterwards`. */
  readonly ends?: readonly Position[];
  readonly stages: Stages<A>;
  /** Replaces limits of the configuration. */
  readonly limits?: Partial<StageLimits>;
  /** The title of the progress bar; undefined: none is shown. */
  readonly what: string | undefined;
  /** What the progress bar counts; records by default. */
  readonly unit?: string;
  /** For the message after a stop signal: what happens to the rest. */
  readonly whenStopped: string;
  /** Runs when all ends are reached, while ranges without an end are read on. It ends early if `ending` is aborted. */
  readonly afterwards?: (ending: AbortSignal) => Promise<void>;
  /** Resolves if the rest need not be read; rejects to end the reading with an error. */
  readonly enough?: Promise<void>;
}

/**
 * Reads these ranges of offsets through stages, several partitions at once, in a group of its own: the driver reads
 * only as a member of a group (tulios/kafkajs#373).
 *
 * @throws LastseenError `interrupted` after a stop signal; what was read is applied.
 */
export async function readOffsetRanges<A>(context: CommandContext, reading: RangeReading<A>): Promise<void> {
  const { kafka, groupId, ranges, what, unit = 'records' } = reading;
  const { log, live } = context;
  const partitions = new PartitionStates(ranges);
  partitions.setGoals(goals(reading), []);
  const wanted = ranges.filter(({ firstOffset, endOffset }) => endOffset === undefined || firstOffset < endOffset);
  const topics = [...new Set(wanted.map(({ topic }) => topic))];
  if (topics.length === 0) return;

  const { total } = partitions.progress;
  const progress = what === undefined ? undefined : showProgress({ what, unit, total, log, live });
  const read = Promise.withResolvers<void>();
  const updateProgress = () => {
    progress?.update(partitions.progress.read);
    if (partitions.progress.isDone) read.resolve();
  };
  const { onOutage, onEnded } = createOutageReporter(context);
  const consumer = startStagedConsumer({
    ...consumerSettings(context, reading.limits),
    kafka,
    groupId,
    topics,
    partitions,
    stages: reading.stages,
    health: new ConsumerHealth(context.settings.KAFKA_SESSION_TIMEOUT, performance.now()),
    on: { progressed: updateProgress, outage: onOutage, outageEnded: onEnded, died: context.startShutdownTimer },
  });
  updateProgress();
  try {
    await untilDone(context, reading, consumer, read.promise);
  } finally {
    progress?.end();
    await consumer.stop();
    await deleteGroup(kafka, groupId, log);
  }
  await consumer.done;
}

function goals({ ranges, ends = [] }: Pick<RangeReading<unknown>, 'ranges' | 'ends'>) {
  const endOf = new Map(ends.map((end) => [partitionKey(end), end.nextOffset]));
  return ranges.flatMap((range) => {
    const endOffset = range.endOffset ?? endOf.get(partitionKey(range));
    return endOffset === undefined ? [] : [{ ...range, endOffset }];
  });
}

/** Waits for the ends and `afterwards`; also ends when enough is read, after a stop signal or with a failure. */
async function untilDone<A>(
  { stopping }: CommandContext,
  { afterwards, enough, whenStopped }: RangeReading<A>,
  consumer: StagedConsumer,
  read: Promise<void>,
): Promise<void> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new LastseenError('interrupted', `stopped by a signal; ${whenStopped}`));
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop, { once: true });
  const ending = new AbortController();
  let afterRead: Promise<void> | undefined;
  const work = read.then(() => {
    afterRead = afterwards?.(ending.signal);
    return afterRead;
  });
  try {
    await Promise.race([work, stopped.promise, consumer.done, ...(enough === undefined ? [] : [enough])]);
  } finally {
    ending.abort();
    await afterRead?.catch(() => {
      // The race has already thrown this error.
    });
  }
}
