import { InvalidArgumentError } from 'commander';
import { type Instant, parseInstant } from '../activity/instant.ts';

/** Reads the instant of a flag. */
export function readInstant(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new InvalidArgumentError('It must be an instant such as 2026-03-16T05:00:00Z.');
  return instant;
}
