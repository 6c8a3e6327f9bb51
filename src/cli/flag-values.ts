import { InvalidArgumentError } from 'commander';
import { validate as isUuid } from 'uuid';
import { type Instant, parseInstant } from '../activity/instant.ts';

/** Parses the instant of a flag. */
export function readInstant(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new InvalidArgumentError('It must be an instant such as 2026-03-16T05:00:00Z.');
  return instant;
}

/** Parses the id of a sweep's run. */
export function readRunId(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be the id of a run; `lastseen sweep runs` lists them.');
  return text.toLowerCase();
}

/** Parses the whole number of a flag, above 0. */
export function readPositive(text: string): number {
  return readWhole(text, 1, 'above 0');
}

/** Parses the whole number of a flag, 0 or more. */
export function readCount(text: string): number {
  return readWhole(text, 0, 'of 0 or more');
}

function readWhole(text: string, least: number, range: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < least) {
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  }
  return number;
}
