/**
 * Microseconds since 1970-01-01T00:00:00Z as `bigint`: the resolution of Postgres. A JavaScript Date would truncate it to
 * milliseconds.
 */
export type Instant = bigint;

export const MICROS_PER_MS = 1_000n;
export const MICROS_PER_SECOND = 1_000_000n;
export const MICROS_PER_DAY = 86_400_000_000n;

const ISO =
  /^([+-]?\d{4,9})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?$/;

/**
 * Reads ISO-8601 text: `T` or a blank between date and time, up to nine fractional digits, `Z` or an offset. Without an
 * offset it is UTC, without a time the start of the day. Digits past the microsecond are dropped (floor). `undefined` if
 * the text has another form. Years outside the range of a JavaScript Date are read: Debezium writes them for infinity.
 */
export function parseInstant(text: string): Instant | undefined {
  return parseUtc(text) ?? parseAny(text);
}

const MOST_UTC_BYTES = 27;
const scratch = new Uint8Array(MOST_UTC_BYTES);

function parseUtc(text: string): Instant | undefined {
  const { length } = text;
  if (length > MOST_UTC_BYTES) return undefined;
  for (let at = 0; at < length; at++) scratch[at] = Math.min(text.charCodeAt(at), NO_ASCII);
  return readInstant(scratch, 0, length);
}

/**
 * Reads `2026-03-16T05:00:00.123456Z` with up to six fractional digits, which is what Debezium writes; `undefined` for
 * all other forms. Five times as fast as a regular expression.
 */
export function readInstant(bytes: Uint8Array, from: number, to: number): Instant | undefined {
  const end = to - from - 1;
  if (end < 19 || end >= MOST_UTC_BYTES || end === 20 || !hasUtcForm(bytes, from, end)) return undefined;
  const century = pair(bytes, from);
  const year = pair(bytes, from + 2);
  const month = pair(bytes, from + 5);
  const day = pair(bytes, from + 8);
  const hour = pair(bytes, from + 11);
  const minute = pair(bytes, from + 14);
  const second = pair(bytes, from + 17);
  const fraction = end === 19 ? 0 : digits(bytes, from + 20, from + end) * (SCALE[end - 20] ?? NONE);
  if ((century | year | month | day | hour | minute | second | fraction) < 0) return undefined;
  const days = daysOf(100 * century + year, month, day);
  const seconds = secondsOf(hour, minute, second);
  if (days === undefined || seconds === undefined) return undefined;
  const whole = days * 86_400 + seconds;
  // Beyond this the microseconds are not exact in a double.
  if (Math.abs(whole) >= EXACT_SECONDS) return undefined;
  return BigInt(whole * 1_000_000 + fraction);
}

const EXACT_SECONDS = 7_000_000_000;
const NONE = -1;
/** Microseconds of the last fractional digit, by the number of digits. */
const SCALE = [NONE, 100_000, 10_000, 1_000, 100, 10, 1];

const [ZERO, DASH, T, COLON, POINT, Z, NO_ASCII] = [48, 45, 84, 58, 46, 90, 128];

function hasUtcForm(bytes: Uint8Array, from: number, end: number): boolean {
  return (
    bytes[from + 4] === DASH &&
    bytes[from + 7] === DASH &&
    bytes[from + 10] === T &&
    bytes[from + 13] === COLON &&
    bytes[from + 16] === COLON &&
    (end === 19 || bytes[from + 19] === POINT) &&
    bytes[from + end] === Z
  );
}

/** The number in two ASCII digits; negative if one is not a digit. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - ZERO;
  const ones = (bytes[at + 1] ?? 0) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : NONE;
}

/** The number in at most six ASCII digits; negative if one is not a digit. */
function digits(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return NONE;
    number = number * 10 + digit;
  }
  return number;
}

function parseAny(text: string): Instant | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, offset] = match;
  const days = daysOf(Number(year), Number(month), Number(day));
  const seconds = hour === undefined ? 0 : secondsOf(Number(hour), Number(minute), Number(second ?? 0));
  if (days === undefined || seconds === undefined) return undefined;
  const shift = offset === undefined || offset === 'Z' ? 0 : offsetSeconds(offset);
  const micros = fraction === undefined ? 0n : BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return BigInt(days * 86_400 + seconds - shift) * MICROS_PER_SECOND + micros;
}

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_TO_1970 = 719_528;

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number | undefined {
  const before = DAYS_BEFORE_MONTH[month - 1];
  if (before === undefined || day < 1 || day > daysIn(year, month)) return undefined;
  const years = month > 2 ? year + 1 : year; // years whose leap day, if any, is over
  const leapDays = Math.ceil(years / 4) - Math.ceil(years / 100) + Math.ceil(years / 400);
  return year * 365 + leapDays + before + day - 1 - DAYS_TO_1970;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function secondsOf(hour: number, minute: number, second: number): number | undefined {
  if (hour > 24 || minute > 59 || second > 60 || (hour === 24 && (minute > 0 || second > 0))) return undefined;
  return (hour * 60 + minute) * 60 + second;
}

function offsetSeconds(offset: string): number {
  const digits = offset.slice(1).replaceAll(':', '');
  const seconds =
    Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4) || '0') * 60 + Number(digits.slice(4, 6) || '0');
  return offset.startsWith('-') ? -seconds : seconds;
}

/** ISO-8601 in UTC with six fractional digits, e.g. `2026-03-16T05:00:00.000000Z`. */
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
