import type { Type, types } from 'avsc';
import {
  type Cursor,
  MalformedRecord,
  readBoolean,
  readBranch,
  readDouble,
  readFloat,
  readLength,
  readLong,
  readSmall,
  readText,
  skipBytes,
} from './avro-cursor.ts';
import { isRecord, isUnion, symbolsOf } from './writer-type.ts';

/** Where decoding stops, and why. */
export interface Stop {
  /** From the first byte of the value. */
  readonly byte: number;
  /** The path of the field, such as `after.user_id`; undefined if the bytes are of no field. */
  readonly field: string | undefined;
  readonly why: string;
}

export interface Inspected {
  /** What could be read, with the field names of the schema; bytes in base64. */
  readonly value: unknown;
  /** Undefined if all was read. */
  readonly stop: Stop | undefined;
}

interface Reading {
  readonly cursor: Cursor;
  /** The names of the fields that are being read, from the outermost. */
  readonly path: string[];
  /** Where the value begins that is being read. */
  start: number;
}

/** Reads all fields of a body, for people: unlike a projection, as far as the bytes match the schema. */
export function inspectAvro(type: Type, bytes: Buffer, from: number): Inspected {
  const cursor = { bytes, at: from };
  const reading: Reading = { cursor, path: [], start: from };
  let value: unknown = null;
  try {
    readValue(type, reading, (read) => {
      value = read;
    });
  } catch (error) {
    const why = error instanceof MalformedRecord ? error.message : 'the value is nested too deeply';
    return { value, stop: { byte: reading.start, field: reading.path.join('.') || undefined, why } };
  }
  const left = bytes.length - cursor.at;
  const why = `${left} bytes are left after the body`;
  return { value, stop: left === 0 ? undefined : { byte: cursor.at, field: undefined, why } };
}

/** @param put is called before the parts of the value are read, so that they are kept if a later one cannot be read. */
function readValue(type: Type, reading: Reading, put: (value: unknown) => void): void {
  const { cursor } = reading;
  reading.start = cursor.at;
  if (isRecord(type)) readRecord(type, reading, put);
  else if (isUnion(type)) readValue(readBranch(type.types, cursor), reading, put);
  else if (type.typeName === 'array') readArray(type as types.ArrayType, reading, put);
  else if (type.typeName === 'map') readMap(type as types.MapType, reading, put);
  else put(readScalar(type, cursor));
}

function readScalar(type: Type, cursor: Cursor): unknown {
  switch (type.typeName) {
    case 'null':
      return null;
    case 'boolean':
      return readBoolean(cursor);
    case 'int':
    case 'long':
      return readLong(cursor);
    case 'float':
      return readFloat(cursor);
    case 'double':
      return readDouble(cursor);
    case 'string':
      return readText(cursor, readLength(cursor));
    case 'bytes':
      return readBase64(cursor, readLength(cursor));
    case 'fixed':
      return readBase64(cursor, (type as types.FixedType).size);
    case 'enum':
      return readBranch(symbolsOf(type as types.EnumType), cursor);
    default:
      throw new MalformedRecord(`the schema has an unknown type: ${type.typeName}`);
  }
}

function readBase64(cursor: Cursor, length: number): string {
  const start = cursor.at;
  skipBytes(cursor, length);
  return cursor.bytes.toString('base64', start, cursor.at);
}

function readRecord(type: types.RecordType, reading: Reading, put: (value: unknown) => void): void {
  const record = keyed();
  put(record);
  for (const { name, type: fieldType } of type.fields) {
    within(reading, name, () => readValue(fieldType, reading, (value) => set(record, name, value)));
  }
}

function readArray(type: types.ArrayType, reading: Reading, put: (value: unknown) => void): void {
  const items: unknown[] = [];
  put(items);
  eachOfBlocks(reading, () => {
    const at = items.length;
    within(reading, String(at), () =>
      readValue(type.itemsType, reading, (value) => {
        items[at] = value;
      }),
    );
  });
}

function readMap(type: types.MapType, reading: Reading, put: (value: unknown) => void): void {
  const { cursor } = reading;
  const map = keyed();
  put(map);
  eachOfBlocks(reading, () => {
    reading.start = cursor.at;
    const key = readText(cursor, readLength(cursor));
    within(reading, key, () => readValue(type.valuesType, reading, (value) => set(map, key, value)));
  });
}

/** Blocks of items, each with its count; a negative one is followed by the bytes of the block. */
function eachOfBlocks(reading: Reading, readItem: () => void): void {
  const { cursor } = reading;
  for (;;) {
    reading.start = cursor.at;
    const count = readSmall(cursor);
    if (count === 0) return;
    if (count < 0) readSmall(cursor);
    // Items of zero bytes do not occur, so a larger count is corrupt.
    if (Math.abs(count) > cursor.bytes.length - cursor.at) throw new MalformedRecord('a count is out of bounds');
    for (let n = 0; n < Math.abs(count); n++) readItem();
  }
}

/** The path stays if the work fails: it is where the reading stops. */
function within({ path }: Reading, name: string, work: () => void): void {
  path.push(name);
  work();
  path.pop();
}

/** Has no prototype, so that any name can be a key. */
const keyed = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>;

function set(target: Record<string, unknown>, key: string, value: unknown): void {
  target[key] = value;
}
