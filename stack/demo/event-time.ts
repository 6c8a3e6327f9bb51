import { hash } from 'node:crypto';
import { type Instant, MICROS_PER_DAY, MICROS_PER_SECOND } from '../../src/activity/instant.ts';

/** The instant of an event of which only the day is known, and a number from which counts are invented. */
export interface Placed {
  readonly at: Instant;
  /** 0 .. 2^28 − 1. */
  readonly draw: number;
}

/**
 * The time rule of the OULAD files. They hold only days, so the md5 of an event's key gives its time of day, and all
 * loads agree to the microsecond. Every event is between 06:00:00 and 23:59:59.999999 UTC of its date.
 *
 * `start` is 00:00 UTC of the presentation's first day, `day` counts from it and may be negative, `kind` is
 * `practice`, `content`, `session` or `exam:<assessment id>`, `n` numbers several events of a day.
 */
export function placeEvent(userId: string, start: Instant, day: number, kind: string, n = 1): Placed {
  const digits = hash('md5', `${userId}|${day}|${kind}${n > 1 ? `|${n}` : ''}`);
  const number = (from: number) => Number.parseInt(digits.slice(from, from + 7), 16);
  const second = BigInt(21_600 + (number(0) % 64_800));
  const micros = BigInt(number(7) % 1_000_000);
  return { at: start + BigInt(day) * MICROS_PER_DAY + second * MICROS_PER_SECOND + micros, draw: number(14) };
}
