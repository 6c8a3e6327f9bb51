/**
 * Instants are microseconds since 1970-01-01T00:00:00Z as `bigint`: Postgres' own resolution, which a JavaScript
 * Date would cut to milliseconds. They are UTC throughout; calendars and people get text.
 */
export type Instant = bigint;

export const MICROS_PER_MS = 1_000n;
export const MICROS_PER_SECOND = 1_000_000n;
export const MICROS_PER_DAY = 86_400_000_000n;

const ISO =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?$/;

/**
 * Reads ISO-8601 text (`T` or a blank between date and time, up to nine digits of a second, `Z` or an offset; without
 * an offset it is UTC, without a time the day's start). Digits past the microsecond are cut, as a floor. `undefined`
 * where the text is none.
 */
export function parseInstant(text: string): Instant | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = match;
  const ms = utcMillis(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  if (ms === undefined) return undefined;
  const shift = offset === undefined || offset === 'Z' ? 0 : offsetSeconds(offset);
  return BigInt(ms - shift * 1000) * MICROS_PER_MS + BigInt(`${fraction}000000`.slice(0, 6));
}

function utcMillis(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  if (month < 1 || month > 12 || day < 1 || hour > 24 || minute > 59 || second > 60) return undefined;
  if (hour === 24 && (minute > 0 || second > 0)) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1) return undefined;
  const ms = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
  return Number.isFinite(ms) ? ms : undefined;
}

function offsetSeconds(offset: string): number {
  const digits = offset.slice(1).replaceAll(':', '');
  const seconds =
    Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4) || '0') * 60 + Number(digits.slice(4, 6) || '0');
  return offset.startsWith('-') ? -seconds : seconds;
}

/** ISO-8601 in UTC with six digits of a second, e.g. `2026-03-16T05:00:00.000000Z`: what Postgres is given. */
export function formatInstant(instant: Instant): string {
  const micros = floorMod(instant, MICROS_PER_SECOND);
  const ms = Number((instant - micros) / MICROS_PER_MS);
  return `${new Date(ms).toISOString().slice(0, -5)}.${String(micros).padStart(6, '0')}Z`;
}

/** The start of the instant's UTC day. */
export function startOfDay(instant: Instant): Instant {
  return instant - floorMod(instant, MICROS_PER_DAY);
}

/** The instant's UTC date as `YYYY-MM-DD`. */
export function dateOf(instant: Instant): string {
  return formatInstant(instant).slice(0, -17);
}

/** Whole UTC days since 1970-01-01. */
export function dayNumber(instant: Instant): number {
  return Number(startOfDay(instant) / MICROS_PER_DAY);
}

/** The Monday 00:00 UTC of the instant's ISO week. */
export function startOfIsoWeek(instant: Instant): Instant {
  const weekday = floorMod(BigInt(dayNumber(instant)) + 3n, 7n);
  return startOfDay(instant) - weekday * MICROS_PER_DAY;
}

function floorMod(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}
