import { dayNumber, type Instant, parseInstant } from '../activity/instant.ts';
import type { Window } from '../kpi/figures/window.ts';

/*
 * Postgres' own binary arrays. A Buffer is bound as it is, so that neither side writes or reads digits, quotes or
 * separators, which is most of the time that arrays of text take.
 */

/** By `pg_type`: the same in every server. */
export const TYPE = { boolean: 16, text: 25, float8: 701, date: 1082, timestamptz: 1184, uuid: 2950 } as const;

export const HEADER_BYTES = 20;
/** Before each element. */
export const LENGTH_BYTES = 4;
export const NULL_LENGTH = -1;
export const INSTANT_BYTES = 8;
export const UUID_BYTES = 16;

/** Postgres counts from the start of 2000. */
const EPOCH: Instant = 946_684_800_000_000n;
const EPOCH_DAY = 10_957;

/** The head of an array of one dimension from 1, which may hold nulls, and room for its elements. */
export function arrayOf(type: number, size: number, bytes: number): Buffer {
  if (size === 0) {
    const empty = Buffer.alloc(12);
    empty.writeInt32BE(type, 8);
    return empty;
  }
  const array = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(size, 12);
  array.writeInt32BE(1, 16);
  return array;
}

/** Where the bytes are written that `arrayOf` has made. */
export const viewOf = ({ buffer, byteOffset, byteLength }: Buffer) => new DataView(buffer, byteOffset, byteLength);

export function setInstant(view: DataView, at: number, instant: Instant): void {
  view.setBigInt64(at, BigInt.asIntN(64, instant - EPOCH));
}

/** For `text[]`. */
export function textArray(values: readonly string[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += LENGTH_BYTES + Buffer.byteLength(value);
  const array = arrayOf(TYPE.text, values.length, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = array.write(value, at + LENGTH_BYTES);
    at = array.writeInt32BE(length, at) + length;
  }
  return array;
}

/**
 * For `uuid[]`, of canonical text.
 *
 * @throws RangeError where one is none
 */
export function uuidArray(values: readonly (string | null)[]): Buffer {
  return fixedArray(TYPE.uuid, UUID_BYTES, values, (_, at, value, array) => {
    const written = array.write(value.replaceAll('-', ''), at, UUID_BYTES, 'hex');
    if (written !== UUID_BYTES) throw new RangeError('not a UUID');
  });
}

/** For `timestamptz[]`. */
export function instantArray(values: readonly Instant[]): Buffer {
  return fixedArray(TYPE.timestamptz, INSTANT_BYTES, values, setInstant);
}

/** For two `timestamptz[]`: where the windows begin, and where they end. */
export function windowArrays(windows: readonly Window[]): [Buffer, Buffer] {
  return [instantArray(windows.map(({ from }) => from)), instantArray(windows.map(({ through }) => through))];
}

/**
 * For `date[]`, of `YYYY-MM-DD`.
 *
 * @throws RangeError where one is none
 */
export function dateArray(values: readonly string[]): Buffer {
  // Those of a batch are mostly of one week.
  let known = { text: '', day: 0 };
  return fixedArray(TYPE.date, 4, values, (view, at, text) => {
    if (text !== known.text) known = { text, day: dayOf(text) };
    view.setInt32(at, known.day);
  });
}

function dayOf(text: string): number {
  const start = parseInstant(text);
  if (start === undefined) throw new RangeError('not a date');
  return dayNumber(start) - EPOCH_DAY;
}

/** For `float8[]`. */
export function doubleArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(TYPE.float8, 8, values, (view, at, value) => view.setFloat64(at, value));
}

/** For `boolean[]`. */
export function booleanArray(values: readonly (boolean | null)[]): Buffer {
  return fixedArray(TYPE.boolean, 1, values, (view, at, value) => view.setInt8(at, value ? 1 : 0));
}

function fixedArray<T>(
  type: number,
  bytes: number,
  values: readonly (T | null)[],
  set: (view: DataView, at: number, value: T, array: Buffer) => void,
): Buffer {
  const array = arrayOf(type, values.length, values.length * (LENGTH_BYTES + bytes));
  if (values.length === 0) return array;
  const view = viewOf(array);
  let at = HEADER_BYTES;
  for (const value of values) {
    view.setInt32(at, value === null ? NULL_LENGTH : bytes);
    at += LENGTH_BYTES;
    if (value === null) continue;
    set(view, at, value, array);
    at += bytes;
  }
  return array.subarray(0, at);
}
