import { isUtf8 } from 'node:buffer';
import { type Change, type ColumnValue, skip } from '../activity/activity.ts';
import { MalformedRecord } from './avro-cursor.ts';
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

/** Reads a record in JSON, with or without Connect's schema. Throws {@link MalformedRecord}. */
export function changeOfJson(value: Buffer, columns: readonly string[]): Change {
  if (!isUtf8(value)) throw new MalformedRecord('neither Avro in wire format nor UTF-8 text');
  const text = value.toString('utf8');
  const inexact = { found: false };
  const change = changeOfDocument(parse(text), columns, inexact);
  return inexact.found ? changeOfDocument(parseExactJson(text), columns, { found: false }) : change;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Set if an integer in use is beyond 2^53, so that JSON.parse has rounded it. */
interface Inexact {
  found: boolean;
}

function changeOfDocument(document: unknown, columns: readonly string[], inexact: Inexact): Change {
  const { payload, schema } = unwrap(document);
  if (payload === null) return skip('tombstone');
  if (!isObject(payload)) throw new MalformedRecord('the JSON is not an object');
  const row = ownMember(payload, 'after') ?? ownMember(payload, 'before');
  const kind = recordKind(nameOf(schema), Object.keys(payload), isObject(row) ? Object.keys(row) : undefined);
  if (kind === 'envelope') return changeOfEnvelope(envelopeDraft(payload, schema, columns, inexact));
  if (kind === 'flattened') return changeOfFlattened(flattenedDraft(payload, schema, columns, inexact));
  return skip(kind);
}

function unwrap(document: unknown): { payload: unknown; schema: unknown } {
  if (isObject(document) && Object.hasOwn(document, 'schema') && Object.hasOwn(document, 'payload')) {
    return { payload: ownMember(document, 'payload'), schema: ownMember(document, 'schema') };
  }
  return { payload: document, schema: undefined };
}

function envelopeDraft(payload: JsonObject, schema: unknown, columns: readonly string[], inexact: Inexact): Draft {
  const draft = emptyDraft();
  draft.operation = columnOf(ownMember(payload, 'op'), undefined, inexact);
  const after = ownMember(payload, 'after');
  if (isObject(after)) draft.row = rowOf(after, fieldSchema(schema, 'after'), columns, inexact);
  else if (after !== null && after !== undefined)
    throw new MalformedRecord('the row after the change is not an object');
  const source = ownMember(payload, 'source');
  if (isObject(source)) readCommit(source, SOURCE_BLOCK, draft, inexact);
  return draft;
}

function flattenedDraft(payload: JsonObject, schema: unknown, columns: readonly string[], inexact: Inexact): Draft {
  const draft = emptyDraft();
  draft.row = rowOf(payload, schema, columns, inexact);
  draft.operation = columnOf(ownMember(payload, '__op'), undefined, inexact);
  draft.deleted = columnOf(ownMember(payload, '__deleted'), undefined, inexact);
  readCommit(payload, FLATTENED_COMMIT, draft, inexact);
  return draft;
}

function rowOf(
  row: JsonObject,
  schema: unknown,
  columns: readonly string[],
  inexact: Inexact,
): Record<string, ColumnValue> {
  const values: Record<string, ColumnValue> = {};
  for (const column of columns) {
    values[column] = columnOf(ownMember(row, column), nameOf(fieldSchema(schema, column)), inexact);
  }
  return values;
}

function columnOf(value: unknown, schemaName: string | undefined, inexact: Inexact): ColumnValue {
  switch (typeof value) {
    case 'string':
      return textColumn(value);
    case 'number':
      if (Number.isSafeInteger(value)) return integerColumn(BigInt(value), schemaName);
      inexact.found = true;
      return value;
    case 'bigint':
      return integerColumn(value, schemaName);
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      return isPlaceholder(value) ? undefined : { unreadable: Array.isArray(value) ? 'array' : 'object' };
    default:
      return undefined;
  }
}

function readCommit(from: JsonObject, fields: ReadonlyMap<string, CommitField>, draft: Draft, inexact: Inexact): void {
  for (const [name, target] of fields) {
    const value = ownMember(from, name);
    if (typeof value === 'bigint') draft[target] ??= value;
    else if (typeof value === 'number' && Number.isSafeInteger(value)) draft[target] ??= BigInt(value);
    // Nanoseconds are always beyond 2^53: parse again only if there is no other commit time.
    else if (typeof value === 'number' && draft.commitUs === null && draft.commitMs === null) inexact.found = true;
  }
}

/** Debezium writes the placeholder in every type: as the only element, as its bytes in numbers, or as a map's key. */
function isPlaceholder(value: object): boolean {
  if (!Array.isArray(value)) return Object.hasOwn(value, PLACEHOLDER);
  if (value.length === 1) return value[0] === PLACEHOLDER;
  return value.length === PLACEHOLDER.length && value.every((item, i) => item === PLACEHOLDER.charCodeAt(i));
}

/** Connect's schema of a field: `{"type":"struct","fields":[{"field":…,"type":…,"name":…}]}`. */
function fieldSchema(schema: unknown, field: string): unknown {
  const fields = isObject(schema) ? ownMember(schema, 'fields') : undefined;
  return Array.isArray(fields)
    ? fields.find((item) => isObject(item) && ownMember(item, 'field') === field)
    : undefined;
}

function nameOf(schema: unknown): string | undefined {
  const name = isObject(schema) ? ownMember(schema, 'name') : undefined;
  return typeof name === 'string' ? name : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own members only: a document must not reach inherited ones such as `__proto__`. */
function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The message of JSON.parse quotes the text.
    throw new MalformedRecord('neither Avro in wire format nor JSON');
  }
}

type SourceAwareReviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Reads integers beyond 2^53 as bigint, from their text. More than twice as slow as plain parsing. */
export function parseExactJson(text: string): unknown {
  const revive: SourceAwareReviver = (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d{1,20}$/.test(source)
      ? BigInt(source)
      : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}
