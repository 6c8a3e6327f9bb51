import { MICROS_PER_MS } from '../activity/instant.ts';
import { readOffsetRanges } from '../cli/read-offset-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { letterTopics, READERS, type Reader, temporaryGroup } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { offsetsForTime, topicBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { partitionKey } from '../kafka/client/records.ts';
import { type OffsetRange, rangesBetween } from '../kafka/consumer/offset-ranges.ts';
import { type LetterId, type LetterPosition, letterPosition, noSuchLetter } from './letter-id.ts';
import { type Letter, type LetterFilter, matchesFilter, toLetters } from './letters.ts';

export interface LetterReading extends LetterFilter {
  readonly kafka: KafkaClient;
  /** Absent: the letters of all readers. */
  readonly reader?: Reader | undefined;
  /** Only these letters. */
  readonly ids?: readonly LetterId[] | undefined;
  /** Called with the matching letters, in the order of each partition. Returning false stops the reading. */
  readonly onLetters: (letters: readonly Letter[]) => Promise<boolean>;
}

/**
 * Reads the matching letters up to the current ends of the topics.
 *
 * @throws LastseenError `no_such_letter` before anything is read if one of the ids does not exist, `interrupted`
 */
export async function readLetters(context: CommandContext, reading: LetterReading): Promise<void> {
  const { settings, stopping } = context;
  const positions = reading.ids?.map((id) => letterPosition(settings, id));
  const ranges = await (positions === undefined
    ? rangesSince(settings, reading)
    : rangesOfPositions(reading.kafka, positions));
  const wanted = positions && new Set(positions.map(positionKey));
  const enough = Promise.withResolvers<void>();
  let isEnough = false;
  await readOffsetRanges(context, {
    kafka: reading.kafka,
    groupId: temporaryGroup(settings, 'dlq'),
    ranges,
    // One fetched batch at a time, because letters can be large.
    limits: { maxRows: 1 },
    what: 'dead letters',
    unit: 'letters',
    whenStopped: 'not all letters were read',
    enough: enough.promise,
    stages: {
      open: (): Letter[] => [],
      async collect(batch, letters) {
        const matching = toLetters(batch).filter(
          (letter) => matchesFilter(reading, letter) && (wanted === undefined || wanted.has(positionKey(letter))),
        );
        letters.push(...matching);
      },
      async apply(letters) {
        if (isEnough || stopping.aborted || letters.length === 0) return;
        try {
          isEnough = !(await reading.onLetters(letters));
          if (isEnough) enough.resolve();
        } catch (error) {
          // An outage ends the command: the letters were counted, so they cannot be applied again.
          isEnough = true;
          enough.reject(error);
        }
      },
      size: (letters) => letters.length,
    },
  });
}

async function rangesSince(settings: Settings, { kafka, reader, since }: LetterReading): Promise<OffsetRange[]> {
  const readers = reader === undefined ? READERS : [reader];
  const topics = [...new Set(readers.map((name) => letterTopics(settings)[name].topic))];
  await requireTopics(kafka, topics);
  const starts = since === undefined ? undefined : await offsetsForTime(kafka, topics, Number(since / MICROS_PER_MS));
  return rangesBetween(await topicBounds(kafka, topics), starts, undefined);
}

/** One range per partition, from its first to its last position. */
async function rangesOfPositions(kafka: KafkaClient, positions: readonly LetterPosition[]): Promise<OffsetRange[]> {
  const topics = [...new Set(positions.map(({ topic }) => topic))];
  await requireTopics(kafka, topics);
  const boundsOf = new Map((await topicBounds(kafka, topics)).map((bounds) => [partitionKey(bounds), bounds]));
  const ranges = new Map<string, OffsetRange>();
  for (const position of positions) {
    const { topic, partition, offset } = position;
    const key = partitionKey(position);
    const bounds = boundsOf.get(key);
    if (bounds === undefined || offset < bounds.firstOffset || offset >= bounds.stableOffset)
      throw noSuchLetter(position);
    const { firstOffset = offset, endOffset = 0n } = ranges.get(key) ?? {};
    ranges.set(key, {
      topic,
      partition,
      firstOffset: offset < firstOffset ? offset : firstOffset,
      endOffset: offset < endOffset ? endOffset : offset + 1n,
    });
  }
  return [...ranges.values()];
}

function positionKey({ topic, partition, offset }: LetterPosition): string {
  return `${topic}/${partition}/${offset}`;
}
