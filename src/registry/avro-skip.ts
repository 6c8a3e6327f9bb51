import type { Type, types } from 'avsc';
import {
  type Cursor,
  MalformedRecord,
  readBranch,
  readLength,
  readSmall,
  skipBytes,
  skipLengthPrefixed,
  skipLong,
} from './avro-cursor.ts';
import { isRecord, isUnion } from './writer-type.ts';

/** Skips one value of a type. */
export type Skipper = (cursor: Cursor) => void;

/** @param compiled ends the recursion for recursive schemas. */
export function compileSkip(type: Type, compiled = new Map<Type, Skipper>()): Skipper {
  const known = compiled.get(type);
  if (known !== undefined) return known;
  let skip: Skipper = () => {
    throw new Error('called before the type was compiled');
  };
  compiled.set(type, (cursor) => skip(cursor));
  skip = skipperOf(type, (inner) => compileSkip(inner, compiled));
  return skip;
}

function skipperOf(type: Type, compile: (type: Type) => Skipper): Skipper {
  if (isRecord(type)) {
    const fields = type.fields.map((field) => compile(field.type));
    return (cursor) => {
      for (const skip of fields) skip(cursor);
    };
  }
  if (isUnion(type)) {
    const branches = type.types.map(compile);
    return (cursor) => readBranch(branches, cursor)(cursor);
  }
  switch (type.typeName) {
    case 'null':
      return () => {};
    case 'boolean':
      return (cursor) => skipBytes(cursor, 1);
    case 'int':
    case 'long':
    case 'enum':
      return skipLong;
    case 'float':
      return (cursor) => skipBytes(cursor, 4);
    case 'double':
      return (cursor) => skipBytes(cursor, 8);
    case 'string':
    case 'bytes':
      return skipLengthPrefixed;
    case 'fixed': {
      const { size } = type as types.FixedType;
      return (cursor) => skipBytes(cursor, size);
    }
    case 'array':
      return skipBlocks(compile((type as types.ArrayType).itemsType));
    case 'map': {
      const skipValue = compile((type as types.MapType).valuesType);
      return skipBlocks((cursor) => {
        skipLengthPrefixed(cursor);
        skipValue(cursor);
      });
    }
    default:
      throw new MalformedRecord(`the schema has an unknown type: ${type.typeName}`);
  }
}

/** No connector writes items of zero bytes, so the bytes left bound a count: a corrupt one must not loop. */
function skipBlocks(skipItem: Skipper): Skipper {
  return (cursor) => {
    for (let count = readSmall(cursor); count !== 0; count = readSmall(cursor)) {
      if (count < 0) {
        skipBytes(cursor, readLength(cursor));
        continue;
      }
      if (count > cursor.bytes.length - cursor.at) throw new MalformedRecord('a count is out of bounds');
      for (let i = 0; i < count; i++) skipItem(cursor);
    }
  };
}
