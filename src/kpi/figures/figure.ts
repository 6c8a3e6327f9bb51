/*
 * What all figures share: their names, their range, and the windows of days they read.
 */
import { type Instant, MICROS_PER_DAY, MICROS_PER_SECOND, startOfDay, startOfIsoWeek } from '../../activity/instant.ts';
import type { MetricsPolicy } from './policy.ts';

/** The figures of a weekly row, by their keys in `weekly_kpi.kpis`. */
export const FIGURES = ['I_t', 'E_t', 'R_t', 'A_t', 'P', 'S'] as const;

export type FigureName = (typeof FIGURES)[number];

/** The requested figures; null if one cannot be computed. */
export type Figures = { readonly [name in FigureName]?: number | null };

/** `value`, limited to [`low`, `high`]. NaN stays NaN. */
export function clamp(value: number, low = 0, high = 1): number {
  return Math.min(high, Math.max(low, value));
}

const DECIMAL = /^\s*([+-]?(?:\d+\.?\d*|\.\d+))(?:e([+-]?\d+))?\s*$/i;

/**
 * The number in decimal text, times 10^`shift`, as a finite double; null for other text, such as '', 'NaN', 'Infinity',
 * '0x10' or '1e999'. The exponent is raised instead of multiplying the double: `1.0005 * 1000` is below 1000.5.
 */
export function numberOf(text: string, shift = 0): number | null {
  const [, digits, exponent = '0'] = DECIMAL.exec(text) ?? [];
  const value = Number(`${digits}e${Number(exponent) + shift}`);
  return Number.isFinite(value) ? value : null;
}

/** {@link numberOf}, rounded half away from zero on the decimal text, as Postgres' `round(numeric)` does. */
export function roundedNumberOf(text: string, shift: number): number | null {
  const value = numberOf(text, shift);
  if (value === null) return null;
  const size = Math.abs(value);
  const isBelow = size % 1 === 0.5 && isBelowSize(text, shift, size);
  // `|| 0` makes −0 a 0.
  return Math.sign(value) * (isBelow ? Math.floor(size) : Math.round(size)) || 0;
}

/** Whether decimal text whose nearest double is `size`, a number of halves, is below it. */
function isBelowSize(text: string, shift: number, size: number): boolean {
  const [, digits = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  const [whole = '', fraction = ''] = digits.replace(/^[+-]/, '').split('.');
  const places = fraction.length - Number(exponent) - shift;
  return BigInt(whole + fraction) * 2n < BigInt(size * 2) * 10n ** BigInt(places);
}

/** From one instant through another, both included. */
export interface Window {
  readonly from: Instant;
  readonly through: Instant;
}

/** A window and the one of the same length that a figure compares it with. */
interface WindowPair {
  readonly recent: Window;
  readonly previous: Window;
}

type EdgePolicy = Pick<MetricsPolicy, 'windowEdges'>;

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

/** W(d, n) and W(d−n, n). */
function windowPair(day: Instant, days: number, edges: MetricsPolicy['windowEdges']): WindowPair {
  return {
    recent: windowOf(day, days, edges),
    previous: windowOf(day - BigInt(days) * MICROS_PER_DAY, days, edges),
  };
}

/** The answers that I_t compares: W(d, 14) with W(d−14, 14). */
export function improvementWindows(day: Instant, policy: EdgePolicy): WindowPair {
  return windowPair(day, 14, policy.windowEdges);
}

/**
 * W(d, n) whose first day is whole in both profiles; its last day ends at 23:59:59.999999, or in the legacy profile at
 * 23:59:59.000000.
 */
function fromMidnight(day: Instant, days: number, { windowEdges }: EdgePolicy): Window {
  return { from: windowOf(day, days, 'whole_days').from, through: windowOf(day, days, windowEdges).through };
}

/** The abilities that I_t compares: [d−13 00:00, d end] with [d−27 00:00, d−14 end]. */
export function thetaWindows(day: Instant, policy: EdgePolicy): WindowPair {
  return {
    recent: fromMidnight(day, 14, policy),
    previous: fromMidnight(day - 14n * MICROS_PER_DAY, 14, policy),
  };
}

/** The answers that E_t and R_t compare: W(d, 28) with W(d−28, 28). A_t reads the recent ones. */
export function answerWindows(day: Instant, policy: EdgePolicy): WindowPair {
  return windowPair(day, 28, policy.windowEdges);
}

/** From the earliest through the latest answer that I_t, E_t, R_t or A_t at `day` may need. */
export function neededAnswers(day: Instant, policy: EdgePolicy): Window {
  const { recent, previous } = answerWindows(day, policy);
  return { from: previous.from, through: recent.through };
}

/** The exams that S counts: the 56 days up to the date of the as-of, also if k of a whole row counts to its Sunday. */
export function examWindow(asOf: Instant, policy: EdgePolicy): Window {
  return fromMidnight(asOf, 56, policy);
}

/** The ability rows that are observations of P: the 26 weeks up to the as-of. */
export function observationWindow(asOf: Instant): Window {
  return { from: asOf - 26n * 7n * MICROS_PER_DAY, through: asOf };
}

/** The `rows` in the window. */
export function rowsIn<T extends { readonly at: Instant }>(rows: readonly T[], { from, through }: Window): T[] {
  return rows.filter(({ at }) => at >= from && at <= through);
}

/**
 * The instant whose date is d of I_t, E_t, R_t and A_t, and of the S of a whole weekly row: the as-of, which is always in
 * its row's week, or in the legacy policy the Sunday of that week, in UTC.
 */
export function weeklyInstant(asOf: Instant, policy: Pick<MetricsPolicy, 'weekDay'>): Instant {
  switch (policy.weekDay) {
    case 'as_of':
      return asOf;
    case 'sunday':
      return startOfIsoWeek(asOf) + 6n * MICROS_PER_DAY;
  }
}
