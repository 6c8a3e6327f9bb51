import { InvalidArgumentError } from 'commander';
import { letterTopics, READERS } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import type { Partition } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';

/** A dead letter as a person names it: `track/0/12`, or with the topic instead of the reader. */
export interface LetterId {
  readonly readerOrTopic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface LetterPosition extends Partition {
  readonly offset: bigint;
}

/** Parses an id as `dlq list` prints it. */
export function parseLetterId(text: string): LetterId {
  if (!/^[^/\s]+\/\d{1,9}\/\d{1,18}$/.test(text)) {
    throw new InvalidArgumentError('It must be an id from `lastseen dlq list`, such as track/0/12.');
  }
  const [readerOrTopic, partition, offset] = text.split('/') as [string, string, string];
  return { readerOrTopic, partition: Number(partition), offset: BigInt(offset) };
}

/** Parses one more id of a flag that may be repeated. */
export function appendLetterId(text: string, previous: readonly LetterId[] = []): readonly LetterId[] {
  return [...previous, parseLetterId(text)];
}

export function letterPosition(settings: Settings, { readerOrTopic, partition, offset }: LetterId): LetterPosition {
  const reader = READERS.find((name) => name === readerOrTopic);
  return { topic: reader === undefined ? readerOrTopic : letterTopics(settings)[reader].topic, partition, offset };
}

export function formatLetterId(settings: Settings, { topic, partition, offset }: LetterPosition): string {
  const reader = READERS.find((name) => letterTopics(settings)[name].topic === topic);
  return `${reader ?? topic}/${partition}/${offset}`;
}

export function noSuchLetter({ topic, partition, offset }: LetterPosition): LastseenError {
  const message = `there is no dead letter ${topic}/${partition}/${offset}; \`lastseen dlq list\` lists those that exist`;
  return new LastseenError('no_such_letter', message);
}
