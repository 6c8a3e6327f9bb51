import { deleteGroup } from '../kafka/admin/groups.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Position } from '../kafka/client/records.ts';
import { createCatchUp } from '../kafka/consumer/catch-up.ts';
import { createRangeReader, type PartitionRange } from '../kafka/consumer/offset-range.ts';
import { startStagedConsumer } from '../kafka/consumer/staged-consumer.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createVitalSigns } from '../kafka/consumer/vital-signs.ts';
import { LastseenError } from '../runtime/errors.ts';
import { createOutageReporter } from './outage-waits.ts';
import { showProgress } from './progress-bar.ts';
import { consumerSettings } from './read-topics.ts';
import type { CommandContext } from './run-command.ts';

export interface RangeReading<A> {
  readonly kafka: KafkaClient;
  /** A group for this reading only; it is deleted at the end. */
  readonly groupId: string;
  readonly ranges: readonly PartitionRange[];
  /** Ends of the ranges without an end, for the progress shown and the start of `afterwards`. */
  readonly ends: readonly Position[];
  readonly stages: Stages<A>;
  /** The title of the progress bar; undefined: none is shown. */
  readonly what: string | undefined;
  /** For the message after a stop signal: what happens to the rest. */
  readonly whenStopped: string;
  /** Runs when all ends are reached, while ranges without an end are read on. It ends early if `ending` is aborted. */
  readonly afterwards?: (ending: AbortSignal) => Promise<void>;
}

/**
 * Reads these ranges of offsets through stages, several partitions at once, in a group of its own.
 *
 * @throws LastseenError `interrupted` after a stop signal; what was read is applied.
 */
export async function readRange<A>(context: CommandContext, reading: RangeReading<A>): Promise<void> {
  const { kafka, groupId, ranges, stages, what, afterwards } = reading;
  const { log, stopping, terminal } = context;
  const ends = ranges.flatMap(({ endOffset, ...range }) => (endOffset === undefined ? [] : [{ ...range, endOffset }]));
  const catchUp = createCatchUp(
    [...ends, ...reading.ends.map(({ nextOffset, ...end }) => ({ ...end, endOffset: nextOffset }))],
    ranges.map((range) => ({ ...range, nextOffset: range.firstOffset })),
  );
  const wanted = ranges.filter(({ firstOffset, endOffset }) => endOffset === undefined || firstOffset < endOffset);
  const topics = [...new Set(wanted.map(({ topic }) => topic))];
  if (topics.length === 0) return;

  const progress =
    what === undefined ? undefined : showProgress({ what, unit: 'records', total: catchUp.total, log, terminal });
  const read = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<'stopped'>();
  const stop = () => stopped.resolve('stopped');
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop, { once: true });
  if (catchUp.reached) read.resolve();
  const ending = new AbortController();
  let beside: Promise<void> | undefined;
  const consumer = startStagedConsumer({
    ...consumerSettings(context),
    kafka,
    groupId,
    topics,
    range: createRangeReader(wanted),
    stages,
    vitals: createVitalSigns(context.settings.KAFKA_SESSION_TIMEOUT, performance.now()),
    on: {
      committed(positions) {
        catchUp.advance(positions);
        progress?.update(catchUp.read);
        if (catchUp.reached) read.resolve();
      },
      outage: createOutageReporter(context),
      died: context.startShutdownTimer,
    },
  });
  const work = async () => {
    await read.promise;
    beside = afterwards?.(ending.signal);
    await beside;
  };
  try {
    const ended = await Promise.race([work(), stopped.promise, consumer.done]);
    if (ended === 'stopped') {
      throw new LastseenError('interrupted', `interrupted; ${reading.whenStopped}`);
    }
  } finally {
    progress?.end();
    ending.abort();
    await beside?.catch(() => {
      // The race has already thrown this error.
    });
    await consumer.stop();
    await deleteGroup(kafka, groupId, log);
  }
  await consumer.done;
}
