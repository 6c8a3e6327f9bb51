import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import { readOffsetRanges } from '../cli/read-offset-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { temporaryGroup } from '../config/kafka-names.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { offsetsForTime, stablePositions } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { RawBatch } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import type { OwnEvent, PublishedEvent } from './own-event.ts';

export interface EventReading {
  readonly kafka: KafkaClient;
  /** How the values of each topic are decoded. Throws only an outage of the registry. */
  readonly topics: ReadonlyMap<string, (value: Buffer) => Promise<OwnEvent>>;
  /** Undefined: only events that are published from now on. */
  readonly from: Instant | undefined;
  /** Called with events in the order of each partition. */
  readonly onEvents: (events: readonly PublishedEvent[]) => Promise<void>;
}

/** Reads own events until a stop signal. */
export async function tailEvents(context: CommandContext, reading: EventReading): Promise<void> {
  const { kafka, topics, from } = reading;
  const names = [...topics.keys()];
  await requireTopics(kafka, names);
  const starts = await (from === undefined
    ? stablePositions(kafka, names)
    : offsetsForTime(kafka, names, Number((from + MICROS_PER_MS - 1n) / MICROS_PER_MS)));
  try {
    await readOffsetRanges(context, {
      kafka,
      groupId: temporaryGroup(context.settings, 'events'),
      ranges: starts.map(({ topic, partition, nextOffset }) => ({ topic, partition, firstOffset: nextOffset })),
      // Each fetched batch is written at once.
      limits: { maxRows: 1 },
      what: undefined,
      whenStopped: 'no more events are read',
      afterwards: (ending) => new Promise((resolve) => ending.addEventListener('abort', () => resolve())),
      stages: {
        open: (): PublishedEvent[] => [],
        collect: async (batch, events) => void events.push(...(await decodeBatch(reading, batch))),
        apply: (events) => reading.onEvents(events),
        size: (events) => events.length,
      },
    });
  } catch (error) {
    const isStopped = error instanceof LastseenError && error.code === 'interrupted' && context.stopping.aborted;
    if (!isStopped) throw error;
  }
}

/** All are decoded before any is kept, because after an outage of the registry the batch is collected again. */
async function decodeBatch({ topics }: EventReading, batch: RawBatch): Promise<readonly PublishedEvent[]> {
  const { topic, partition, records } = batch;
  const decode = must(topics.get(topic), 'only topics of own events are read');
  const events: PublishedEvent[] = [];
  for (const { offset, timestamp, value } of records) {
    const content: OwnEvent = value === null ? { kind: 'undecodable', detail: 'no value' } : await decode(value);
    events.push({ topic, partition, offset, publishedAtMs: Number(timestamp), content });
  }
  return events;
}
