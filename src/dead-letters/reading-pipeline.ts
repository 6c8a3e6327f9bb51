import { randomUUID } from 'node:crypto';
import { MICROS_PER_MS } from '../activity/instant.ts';
import { showProgress } from '../cli/progress-bar.ts';
import type { CommandContext } from '../cli/run-command.ts';
import type { Settings } from '../config/settings.ts';
import { letterTopics, READERS, type Reader } from '../config/topic-names.ts';
import { endPositions, positionsSince, requireTopics } from '../kafka/admin/admin.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { partitionKey } from '../kafka/client/records.ts';
import { type OffsetRange, readRanges } from '../kafka/consumer/read-ranges.ts';
import { LastseenError } from '../runtime/errors.ts';
import { type LetterId, type LetterPlace, placeOf } from './letter-id.ts';
import { admits, type Letter, type LetterFilter, lettersOf } from './letters.ts';

export interface LetterReading extends LetterFilter {
  readonly kafka: KafkaClient;
  /** Of all where it is absent. */
  readonly reader?: Reader | undefined;
  /** These alone. Throws `no_such_letter` before anything is read where one is not there. */
  readonly ids?: readonly LetterId[] | undefined;
  /** Takes what is wanted, in the order of each partition. False: it has enough. */
  readonly onLetters: (letters: readonly Letter[]) => Promise<boolean>;
}

/** Reads the letters that are there now. Throws `interrupted` where it was told to stop before. */
export async function readLetters(context: CommandContext, reading: LetterReading): Promise<void> {
  const { settings, log, terminal, stopping } = context;
  const places = reading.ids?.map((id) => placeOf(settings, id));
  const ranges = await (places === undefined ? rangesSince(settings, reading) : rangesOf(reading.kafka, places));
  const wanted = places && new Set(places.map(keyOf));
  const total = ranges.reduce((sum, { firstOffset, nextOffset }) => sum + Number(nextOffset - firstOffset), 0);
  const progress = showProgress({ what: 'dead letters', unit: 'letters', total, log, terminal });
  let read = 0;
  try {
    await readRanges({
      kafka: reading.kafka,
      groupId: `lastseen-dlq-${randomUUID()}`,
      ranges,
      stopping,
      onRecords: async (batch) => {
        const letters = lettersOf(batch).filter(
          (letter) => admits(reading, letter) && (wanted === undefined || wanted.has(keyOf(letter))),
        );
        const more = letters.length === 0 || (await reading.onLetters(letters));
        read += batch.records.length;
        progress.update(read);
        return more;
      },
    });
  } finally {
    progress.end();
  }
  if (stopping.aborted) throw new LastseenError('interrupted', 'interrupted before all letters were read');
}

async function rangesSince(settings: Settings, { kafka, reader, since }: LetterReading): Promise<OffsetRange[]> {
  const readers = reader === undefined ? READERS : [reader];
  const topics = [...new Set(readers.map((name) => letterTopics(settings)[name].topic))];
  await requireTopics(kafka, topics);
  const ends = await endPositions(kafka, topics);
  const starts = since === undefined ? [] : await positionsSince(kafka, topics, Number(since / MICROS_PER_MS));
  const startOf = new Map(starts.map((start) => [partitionKey(start), start.nextOffset]));
  return ends
    .map((end) => ({ ...end, firstOffset: startOf.get(partitionKey(end)) ?? end.firstOffset }))
    .filter(({ firstOffset, nextOffset }) => firstOffset < nextOffset);
}

/** One range a partition, from the first to the last of its places. */
async function rangesOf(kafka: KafkaClient, places: readonly LetterPlace[]): Promise<OffsetRange[]> {
  const topics = [...new Set(places.map(({ topic }) => topic))];
  await requireTopics(kafka, topics);
  const ends = new Map((await endPositions(kafka, topics)).map((end) => [partitionKey(end), end]));
  const ranges = new Map<string, OffsetRange>();
  for (const place of places) {
    const { topic, partition, offset } = place;
    const end = ends.get(partitionKey(place));
    if (end === undefined || offset < end.firstOffset || offset >= end.nextOffset) {
      throw new LastseenError('no_such_letter', `there is no letter ${topic}/${partition}/${offset}`);
    }
    const before = ranges.get(partitionKey(place)) ?? { firstOffset: offset, nextOffset: offset + 1n };
    ranges.set(partitionKey(place), {
      topic,
      partition,
      firstOffset: offset < before.firstOffset ? offset : before.firstOffset,
      nextOffset: offset < before.nextOffset ? before.nextOffset : offset + 1n,
    });
  }
  return [...ranges.values()];
}

function keyOf({ topic, partition, offset }: LetterPlace): string {
  return `${topic}/${partition}/${offset}`;
}
