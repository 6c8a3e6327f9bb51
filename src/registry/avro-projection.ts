import type { Type, types } from 'avsc';
import { type Change, type ColumnValue, skip } from '../activity/activity.ts';
import { readInstant } from '../activity/instant.ts';
import { isZonedTimestamp } from '../activity/times.ts';
import { readUuid, UUID_TEXT_BYTES } from '../activity/uuid.ts';
import {
  type Cursor,
  MalformedRecord,
  readBoolean,
  readBranch,
  readDouble,
  readFloat,
  readLength,
  readLong,
  readText,
} from './avro-cursor.ts';
import { compileSkip, compileSkipRun } from './avro-skip.ts';
import { integerColumn, PLACEHOLDER, textColumn } from './column.ts';
import {
  type CommitField,
  changeOfEnvelope,
  changeOfFlattened,
  type Draft,
  emptyDraft,
  FLATTENED_COMMIT,
  SOURCE_BLOCK,
} from './draft.ts';
import { recordKind } from './record-kind.ts';
import { isRecord, isUnion, recordWithin, schemaNameOf, symbolsOf } from './writer-type.ts';

/** Reads one body of a writer's schema. Throws {@link MalformedRecord}, or a RangeError if the stack overflows. */
export type Projection = (body: Cursor) => Change;

type Step = (cursor: Cursor, draft: Draft) => void;
type ColumnReader = (cursor: Cursor) => ColumnValue;

/**
 * Compiles a writer's schema to a reader of the fields in use; all others are skipped, at any position. So added,
 * reordered, newly nullable and removed columns need no reader schema: a removed column is absent in the row.
 */
export function compileProjection(type: Type, columns: readonly string[]): Projection {
  if (!isRecord(type)) throw new MalformedRecord('the schema is not a record');
  const wanted = new Set(columns);
  const names = type.fields.map((field) => field.name);
  const row = rowRecord(type);
  const kind = recordKind(
    type.name,
    names,
    row?.fields.map((field) => field.name),
  );
  if (kind === 'envelope') {
    const steps = recordSteps(type, (field) => envelopeStep(field, wanted));
    return projection(steps, changeOfEnvelope);
  }
  if (kind === 'flattened') {
    const steps = recordSteps(type, (field) => flattenedStep(field, wanted));
    return projection(steps, changeOfFlattened, () => ({ ...emptyDraft(), row: {} }));
  }
  return projection([compileSkip(type)], () => skip(kind));
}

function projection(steps: Step[], conclude: (draft: Draft) => Change, open: () => Draft = emptyDraft): Projection {
  return (cursor) => {
    const draft = open();
    for (const step of steps) step(cursor, draft);
    if (cursor.at !== cursor.bytes.length) throw new MalformedRecord('bytes are left after the body');
    return conclude(draft);
  };
}

function rowRecord(envelope: types.RecordType): types.RecordType | undefined {
  const field =
    envelope.fields.find(({ name }) => name === 'after') ?? envelope.fields.find(({ name }) => name === 'before');
  return field === undefined ? undefined : recordWithin(field.type);
}

function recordSteps(type: types.RecordType, stepFor: (field: types.Field) => Step | undefined): Step[] {
  const steps: Step[] = [];
  let unneeded: Type[] = [];
  for (const field of type.fields) {
    const step = stepFor(field);
    if (step === undefined) unneeded.push(field.type);
    else {
      if (unneeded.length > 0) steps.push(compileSkipRun(unneeded));
      unneeded = [];
      steps.push(step);
    }
  }
  if (unneeded.length > 0) steps.push(compileSkipRun(unneeded));
  return steps;
}

function envelopeStep(field: types.Field, wanted: ReadonlySet<string>): Step | undefined {
  switch (field.name) {
    case 'op': {
      const read = compileColumn(field.type);
      return (cursor, draft) => {
        draft.operation = read(cursor);
      };
    }
    case 'after':
      return withinRecord(
        field.type,
        (column) => columnStep(column, wanted),
        (draft) => {
          draft.row = {};
        },
      );
    case 'source':
      return withinRecord(field.type, (inner) => commitStep(inner, SOURCE_BLOCK));
    default:
      return undefined;
  }
}

function flattenedStep(field: types.Field, wanted: ReadonlySet<string>): Step | undefined {
  if (field.name === '__op' || field.name === '__deleted') {
    const read = compileColumn(field.type);
    const target = field.name === '__op' ? 'operation' : 'deleted';
    return (cursor, draft) => {
      draft[target] = read(cursor);
    };
  }
  return commitStep(field, FLATTENED_COMMIT) ?? columnStep(field, wanted);
}

function columnStep({ name, type }: types.Field, wanted: ReadonlySet<string>): Step | undefined {
  if (!wanted.has(name)) return undefined;
  const read = compileColumn(type);
  return (cursor, draft) => {
    if (draft.row) draft.row[name] = read(cursor);
  };
}

function commitStep({ name, type }: types.Field, fields: ReadonlyMap<string, CommitField>): Step | undefined {
  const target = fields.get(name);
  if (target === undefined) return undefined;
  const read = compileInteger(type);
  return (cursor, draft) => {
    draft[target] = read(cursor) ?? draft[target];
  };
}

/** A record, or a union with one: `open` is called if the record is present. */
function withinRecord(
  type: Type,
  stepFor: (field: types.Field) => Step | undefined,
  open: (draft: Draft) => void = () => {},
): Step {
  if (isRecord(type)) {
    const steps = recordSteps(type, stepFor);
    return (cursor, draft) => {
      open(draft);
      for (const step of steps) step(cursor, draft);
    };
  }
  if (isUnion(type)) {
    const branches = type.types.map((branch) => withinRecord(branch, stepFor, open));
    return (cursor, draft) => readBranch(branches, cursor)(cursor, draft);
  }
  return compileSkip(type);
}

function compileColumn(type: Type): ColumnReader {
  const name = schemaNameOf(type);
  if (isUnion(type)) {
    const branches = type.types.map(compileColumn);
    return (cursor) => readBranch(branches, cursor)(cursor);
  }
  switch (type.typeName) {
    case 'null':
      return () => null;
    case 'boolean':
      return readBoolean;
    case 'int':
    case 'long':
      return (cursor) => integerColumn(readLong(cursor), name);
    case 'float':
      return readFloat;
    case 'double':
      return readDouble;
    case 'string':
      return isZonedTimestamp(name) ? readInstantOrText : readUuidOrText;
    case 'enum': {
      const symbols = symbolsOf(type as types.EnumType);
      return (cursor) => readBranch(symbols, cursor);
    }
    default:
      return nestedColumn(type);
  }
}

/** Most learners are UUIDs: these are read from the bytes, without building text. */
function readUuidOrText(cursor: Cursor): ColumnValue {
  const length = readLength(cursor);
  const uuid = length === UUID_TEXT_BYTES ? readUuid(cursor.bytes, cursor.at) : undefined;
  if (uuid === undefined) return textColumn(readText(cursor, length));
  cursor.at += length;
  return uuid;
}

function readInstantOrText(cursor: Cursor): ColumnValue {
  const length = readLength(cursor);
  const end = cursor.at + length;
  const instant = readInstant(cursor.bytes, cursor.at, end);
  if (instant === undefined) return textColumn(readText(cursor, length));
  cursor.at = end;
  return instant;
}

/** Debezium writes the placeholder in every type: as bytes, as the only element, or as key and value of a map. */
function nestedColumn(type: Type): ColumnReader {
  const skip = compileSkip(type);
  return (cursor) => {
    const start = cursor.at;
    skip(cursor);
    return cursor.bytes.subarray(start, cursor.at).includes(PLACEHOLDER) ? undefined : { unreadable: type.typeName };
  };
}

function compileInteger(type: Type): (cursor: Cursor) => bigint | null {
  if (isUnion(type)) {
    const branches = type.types.map(compileInteger);
    return (cursor) => readBranch(branches, cursor)(cursor);
  }
  if (type.typeName === 'int' || type.typeName === 'long') return readLong;
  const skip = compileSkip(type);
  return (cursor) => {
    skip(cursor);
    return null;
  };
}
