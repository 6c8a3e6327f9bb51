import { type Command, InvalidArgumentError } from 'commander';
import { readInstant } from '../cli/flag-values.ts';
import type { OutputFlags } from '../cli/run-command.ts';
import { READERS, type Reader } from '../config/kafka-names.ts';
import type { LetterFilter } from './letters.ts';

/** Flags of the commands that work on many letters. */
export interface FilterFlags extends LetterFilter, OutputFlags {
  readonly topic?: Reader;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--topic <reader>', 'only dead letters of track, or only of recompute', readReader)
    .option('--reason <reason>', 'only with this reason, e.g. missing_column')
    .option('--since <instant>', 'only written at this instant or later, e.g. 2026-03-16T05:00:00Z', readInstant)
    .option('--source-topic <topic>', 'only records that came from this topic');
}

function readReader(text: string): Reader {
  const reader = READERS.find((name) => name === text);
  if (reader === undefined) throw new InvalidArgumentError(`It must be one of ${READERS.join(', ')}.`);
  return reader;
}
