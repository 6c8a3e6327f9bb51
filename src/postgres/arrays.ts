import { dayNumber, type Instant, parseInstant } from '../activity/instant.ts';

/**
 * A Postgres array literal of values that need no quoting. The driver's own serializer inspects every element and takes
 * several times as long.
 */
export function arrayLiteral(values: readonly (bigint | number | string | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/*
 * Arrays in Postgres' binary format. The driver sends a Buffer unchanged, so neither side formats or parses digits,
 * quotes and separators, which takes most of the time of array literals.
 */

/** `pg_type.oid` of built-in types: the same on every server. */
export const TYPE_OID = { boolean: 16, text: 25, float8: 701, date: 1082, timestamptz: 1184, uuid: 2950 } as const;

export const HEADER_BYTES = 20;
/** The length that precedes each element. */
export const LENGTH_BYTES = 4;
export const NULL_LENGTH = -1;
export const INSTANT_BYTES = 8;
export const UUID_BYTES = 16;

/** Postgres counts instants and dates from 2000-01-01. */
const POSTGRES_EPOCH: Instant = 946_684_800_000_000n;
const POSTGRES_EPOCH_DAY = 10_957;

/**
 * An array with its header written: one dimension, lower bound 1, nulls allowed.
 *
 * @param bytes room for the elements, lengths included
 */
export function allocateArray(type: number, size: number, bytes: number): Buffer {
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

/** For writing the elements of an allocated array. */
export const dataViewOf = ({ buffer, byteOffset, byteLength }: Buffer) => new DataView(buffer, byteOffset, byteLength);

export function writeInstant(view: DataView, at: number, instant: Instant): void {
  view.setBigInt64(at, BigInt.asIntN(64, instant - POSTGRES_EPOCH));
}

/** For `text[]`. */
export function textArray(values: readonly string[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += LENGTH_BYTES + Buffer.byteLength(value);
  const array = allocateArray(TYPE_OID.text, values.length, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = array.write(value, at + LENGTH_BYTES);
    at = array.writeInt32BE(length, at) + length;
  }
  return array;
}

/**
 * For `uuid[]`.
 *
 * @param values in canonical form
 * @throws RangeError if a value is not a UUID
 */
export function uuidArray(values: readonly (string | null)[]): Buffer {
  return fixedArray(TYPE_OID.uuid, UUID_BYTES, values, (_, at, value, array) => {
    const written = array.write(value.replaceAll('-', ''), at, UUID_BYTES, 'hex');
    if (written !== UUID_BYTES) throw new RangeError('not a UUID');
  });
}

/** For `timestamptz[]`. */
export function instantArray(values: readonly Instant[]): Buffer {
  return fixedArray(TYPE_OID.timestamptz, INSTANT_BYTES, values, writeInstant);
}

/** For two `timestamptz[]`: the starts and the ends of the windows. */
export function windowArrays(
  windows: readonly { readonly from: Instant; readonly through: Instant }[],
): [Buffer, Buffer] {
  return [instantArray(windows.map(({ from }) => from)), instantArray(windows.map(({ through }) => through))];
}

/**
 * For `date[]`.
 *
 * @param values as `YYYY-MM-DD`
 * @throws RangeError if a value is not a date
 */
export function dateArray(values: readonly string[]): Buffer {
  // Most dates of a batch are equal.
  let last = { text: '', day: 0 };
  return fixedArray(TYPE_OID.date, 4, values, (view, at, text) => {
    if (text !== last.text) last = { text, day: postgresDay(text) };
    view.setInt32(at, last.day);
  });
}

function postgresDay(text: string): number {
  const start = parseInstant(text);
  if (start === undefined) throw new RangeError('not a date');
  return dayNumber(start) - POSTGRES_EPOCH_DAY;
}

/** For `float8[]`. */
export function doubleArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(TYPE_OID.float8, 8, values, (view, at, value) => view.setFloat64(at, value));
}

/** For `boolean[]`. */
export function booleanArray(values: readonly (boolean | null)[]): Buffer {
  return fixedArray(TYPE_OID.boolean, 1, values, (view, at, value) => view.setInt8(at, value ? 1 : 0));
}

function fixedArray<T>(
  type: number,
  bytes: number,
  values: readonly (T | null)[],
  set: (view: DataView, at: number, value: T, array: Buffer) => void,
): Buffer {
  const array = allocateArray(type, values.length, values.length * (LENGTH_BYTES + bytes));
  if (values.length === 0) return array;
  const view = dataViewOf(array);
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
