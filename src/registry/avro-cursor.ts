import { isUtf8 } from 'node:buffer';

/** The bytes are not what their schema says. The message names what is wrong, and never holds row data. */
export class MalformedRecord extends Error {
  override readonly name = 'MalformedRecord';
}

/**
 * A place in an Avro body. avsc's own reader is not used for records from outside: on corrupt block counts of arrays
 * and maps it loops for ever (a negative block size moves it backwards), it rounds longs past 2^53, and it hands out
 * replacement characters for broken UTF-8. Here every step is checked and moves forwards.
 */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

export function skipBytes(cursor: Cursor, count: number): void {
  const end = cursor.at + count;
  if (end > cursor.bytes.length) throw new MalformedRecord('the body ends too early');
  cursor.at = end;
}

export function skipLong(cursor: Cursor): void {
  const { bytes } = cursor;
  for (let length = 1; length <= 10; length++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new MalformedRecord('the body ends too early');
    if (byte < 0x80) return;
  }
  throw new MalformedRecord('an integer is longer than ten bytes');
}

export function skipLengthPrefixed(cursor: Cursor): void {
  skipBytes(cursor, readLength(cursor));
}

/** A byte count: never more than what is left. */
export function readLength(cursor: Cursor): number {
  const length = readSmall(cursor);
  if (length < 0 || length > cursor.bytes.length - cursor.at) throw new MalformedRecord('a length is out of bounds');
  return length;
}

/** A long that has to be small to make sense (a length, a count, a branch): within 2^53, else malformed. */
export function readSmall(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at];
  if (byte !== undefined && byte < 0x80) {
    cursor.at++;
    return (byte >>> 1) ^ -(byte & 1);
  }
  const value = readLong(cursor);
  if (value < -0x1f_ffff_ffff_ffffn || value > 0x1f_ffff_ffff_ffffn) {
    throw new MalformedRecord('a length is out of bounds');
  }
  return Number(value);
}

/** The branch of a union, or the symbol of an enum, that comes next. */
export function readBranch<T>(branches: readonly T[], cursor: Cursor): T {
  const branch = branches[readSmall(cursor)];
  if (branch === undefined) throw new MalformedRecord('a union has no such branch');
  return branch;
}

const TWO_TO_28 = 2 ** 28;

/** A 64-bit integer (zigzag, base 128), exact. */
export function readLong(cursor: Cursor): bigint {
  const { bytes } = cursor;
  // Three parts of at most 28 bits each stay exact in double arithmetic, and BigInt is only needed once.
  let low = 0;
  let middle = 0;
  let high = 0;
  for (let length = 0; length < 10; length++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new MalformedRecord('the body ends too early');
    const bits = byte & 0x7f;
    if (length < 4) low |= bits << (7 * length);
    else if (length < 8) middle |= bits << (7 * (length - 4));
    else high |= bits << (7 * (length - 8));
    if (byte < 0x80) return unzigzag(low, middle, high);
  }
  throw new MalformedRecord('an integer is longer than ten bytes');
}

function unzigzag(low: number, middle: number, high: number): bigint {
  if (high === 0 && middle < 2 ** 25) {
    const zigzag = middle * TWO_TO_28 + low;
    return BigInt(zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
  }
  const zigzag = (BigInt(high) << 56n) | (BigInt(middle) << 28n) | BigInt(low);
  if (zigzag >= 2n ** 64n) throw new MalformedRecord('an integer does not fit 64 bits');
  return (zigzag >> 1n) ^ -(zigzag & 1n);
}

const ONE_CHARACTER = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

/** @param length that {@link readLength} has read. */
export function readText(cursor: Cursor, length: number): string {
  const start = cursor.at;
  if (length === 1) {
    const known = ONE_CHARACTER[cursor.bytes[start] ?? -1]; // an operation, in every envelope
    if (known !== undefined) {
      cursor.at = start + 1;
      return known;
    }
  }
  cursor.at = start + length;
  const text = cursor.bytes.toString('utf8', start, cursor.at);
  if (text.includes('\ufffd') && !isUtf8(cursor.bytes.subarray(start, cursor.at))) {
    throw new MalformedRecord('a text is not valid UTF-8');
  }
  return text;
}

export function readBoolean(cursor: Cursor): boolean {
  const byte = cursor.bytes[cursor.at++];
  if (byte !== 0 && byte !== 1) throw new MalformedRecord('a boolean is neither 0 nor 1');
  return byte === 1;
}

export function readFloat(cursor: Cursor): number {
  const start = cursor.at;
  skipBytes(cursor, 4);
  return cursor.bytes.readFloatLE(start);
}

export function readDouble(cursor: Cursor): number {
  const start = cursor.at;
  skipBytes(cursor, 8);
  return cursor.bytes.readDoubleLE(start);
}
