import { InvalidArgumentError } from 'commander';
import type { Settings } from '../config/settings.ts';
import { letterTopics, READERS, type Reader } from '../config/topic-names.ts';

/** As people write it: `track/0/12`, or with a topic's full name. */
export interface LetterId {
  readonly of: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface LetterPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Reads an id as `dlq list` prints it. */
export function readLetterId(text: string): LetterId {
  const match = /^([^/\s]+)\/(\d{1,9})\/(\d{1,18})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be an id of `lastseen dlq list`, such as track/0/12.');
  return { of: match[1] ?? '', partition: Number(match[2]), offset: BigInt(match[3] ?? 0) };
}

/** Reads one more id of a flag that takes several. */
export function readLetterIds(text: string, before: readonly LetterId[] = []): readonly LetterId[] {
  return [...before, readLetterId(text)];
}

export function placeOf(settings: Settings, { of, partition, offset }: LetterId): LetterPlace {
  const reader = READERS.find((name) => name === of);
  return { topic: reader === undefined ? of : letterTopics(settings)[reader].topic, partition, offset };
}

export function idOf(settings: Settings, { topic, partition, offset }: LetterPlace): string {
  const reader = READERS.find((name) => letterTopics(settings)[name].topic === topic);
  return `${reader ?? topic}/${partition}/${offset}`;
}

export function readReader(text: string): Reader {
  const reader = READERS.find((name) => name === text);
  if (reader === undefined) throw new InvalidArgumentError(`It must be one of ${READERS.join(', ')}.`);
  return reader;
}
