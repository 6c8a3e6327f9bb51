import { deleteGroup } from '../kafka/admin/topic-bounds.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Position } from '../kafka/client/records.ts';
import { createCatchUp } from '../kafka/consumer/catch-up.ts';
import { createRangeReader, type PartitionRange } from '../kafka/consumer/offset-range.ts';
import { startStagedConsumer } from '../kafka/consumer/staged-consumer.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { createVitalSigns } from '../kafka/consumer/vital-signs.ts';
import { LastseenError } from '../runtime/errors.ts';
import { tellOutage } from './observation.ts';
import { showProgress } from './progress-bar.ts';
import { consumerSettings } from './read-topics.ts';
import type { CommandContext } from './run-command.ts';

export interface RangeReading<A> {
  readonly kafka: KafkaClient;
  /** Nobody else's: it is deleted at the end. */
  readonly groupId: string;
  readonly ranges: readonly PartitionRange[];
  /** Where ranges without an end are taken to end for the progress that is shown, and before `afterwards` begins. */
  readonly ends: readonly Position[];
  readonly stages: Stages<A>;
  /** What the progress is called; undefined: none is shown. */
  readonly what: string | undefined;
  /** What becomes of it where it is told to stop, in words. */
  readonly whenStopped: string;
  /** Runs once all is read, while reading goes on where ranges have no end; it is to end early where it is told to. */
  readonly afterwards?: (ending: AbortSignal) => Promise<void>;
}

/**
 * Reads these ranges and nothing else, several partitions at once, in a group of its own; waits for no record past their
 * ends.
 *
 * @throws LastseenError `interrupted` where it was told to stop before; what was read is applied.
 */
export async function readRange<A>(context: CommandContext, reading: RangeReading<A>): Promise<void> {
  const { kafka, groupId, ranges, stages, what, afterwards } = reading;
  const { log, stopping, terminal } = context;
  const ends = ranges.flatMap(({ endOffset, ...range }) =>
    endOffset === undefined ? [] : [{ ...range, nextOffset: endOffset }],
  );
  const catchUp = createCatchUp(
    [...ends, ...reading.ends],
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
      outage: tellOutage(context),
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
      // The race has told what ended it.
    });
    await consumer.stop();
    await deleteGroup(kafka, groupId, log);
  }
  await consumer.done;
}
