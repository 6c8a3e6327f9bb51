import { isUtf8 } from 'node:buffer';

/** The bytes contradict their schema. The message says how, and never has row data. */
export class MalformedRecord extends Error {
  override readonly name = 'MalformedRecord';
}

/**
 * A position in an Avro body. avsc's own reader is not used for records from outside: it loops forever on corrupt block
 * counts of arrays and maps (a negative block size moves it backwards), rounds longs beyond 2^53, and returns replacement
 * characters for invalid UTF-8. Here every step is checked and moves forwards.
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

/** A byte count: at most the bytes that are left. */
export function readLength(cursor: Cursor): number {
  const length = readSmall(cursor);
  if (length < 0 || length > cursor.bytes.length - cursor.at) throw new MalformedRecord('a length is out of bounds');
  return length;
}

/** A long that must be small (a length, a count, a branch): within 2^53, otherwise malformed. */
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

/** Reads the branch of a union, or the symbol of an enum. */
export function readBranch<T>(branches: readonly T[], cursor: Cursor): T {
  const branch = branches[readSmall(cursor)];
  if (branch === undefined) throw new MalformedRecord('a union has no such branch');
  return branch;
}

const TWO_TO_28 = 2 ** 28;

/** A 64-bit integer (zigzag, base 128), exact. */
export function readLong(cursor: Cursor): bigint {
  const { bytes } = cursor;
  // Three parts of at most 28 bits are exact in double arithmetic, so BigInt is needed only once.
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

/** @param length from {@link readLength}. */
export function readText(cursor: Cursor, length: number): string {
  const start = cursor.at;
  if (length === 1) {
    const known = ONE_CHARACTER[cursor.bytes[start] ?? -1]; // such as the operation in every envelope
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
