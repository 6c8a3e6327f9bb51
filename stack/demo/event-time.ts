import { hash } from 'node:crypto';
import { type Instant, MICROS_PER_DAY, MICROS_PER_SECOND } from '../../src/activity/instant.ts';

/** Where an event of a whole day is placed within it, and a number drawn with it from which counts are invented. */
export interface Placed {
  readonly at: Instant;
  /** 0 .. 2^28 − 1. */
  readonly draw: number;
}

/**
 * The time rule of the OULAD files: days only are known, so the md5 of what the event is decides the moment, and all
 * loads agree to the microsecond. Every event lies between 06:00:00 and 23:59:59.999999 UTC of its own date.
 *
 * `start` is 00:00 UTC of the presentation's first day, `day` counts from it and may be negative, `kind` is
 * `practice`, `content`, `session` or `exam:<assessment id>`, `n` tells several events of a day apart.
 */
export function placeEvent(userId: string, start: Instant, day: number, kind: string, n = 1): Placed {
  const digits = hash('md5', `${userId}|${day}|${kind}${n > 1 ? `|${n}` : ''}`);
  const number = (from: number) => Number.parseInt(digits.slice(from, from + 7), 16);
  const second = BigInt(21_600 + (number(0) % 64_800));
  const micros = BigInt(number(7) % 1_000_000);
  return { at: start + BigInt(day) * MICROS_PER_DAY + second * MICROS_PER_SECOND + micros, draw: number(14) };
}
