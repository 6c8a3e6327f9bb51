import { type Instant, MICROS_PER_DAY, MICROS_PER_SECOND, startOfDay } from '../../activity/instant.ts';
import type { MetricsPolicy } from './policy.ts';

/** From one instant through another, both included. */
export interface Window {
  readonly from: Instant;
  readonly through: Instant;
}

/**
 * W(d, n): the `days` UTC days that end with the date of `day`.
 *
 * `whole_days`: from d−(n−1) 00:00:00.000000 through d 23:59:59.999999, so that W(d−n, n) ends where W(d, n) begins.
 * `last_seconds`: from d−(n−1) 23:59:59.000000 through d 23:59:59.000000; between two windows most of a day is left out.
 */
export function windowOf(day: Instant, days: number, edges: MetricsPolicy['windowEdges']): Window {
  const last = startOfDay(day);
  const first = last - BigInt(days - 1) * MICROS_PER_DAY;
  switch (edges) {
    case 'whole_days':
      return { from: first, through: last + MICROS_PER_DAY - 1n };
    case 'last_seconds': {
      const lastSecond = MICROS_PER_DAY - MICROS_PER_SECOND;
      return { from: first + lastSecond, through: last + lastSecond };
    }
  }
}

/** The `rows` in the window. */
export function within<T extends { readonly at: Instant }>(rows: readonly T[], { from, through }: Window): T[] {
  return rows.filter(({ at }) => at >= from && at <= through);
}
