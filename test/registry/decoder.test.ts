import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/activity/activity.ts';
import { neededColumns } from '../../src/activity/activity-of.ts';
import { formatInstant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import { Uuid } from '../../src/activity/uuid.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { avroRecord, fakeRegistry } from './avro.ts';
import {
  COMMIT_MS,
  EXAM_RESULT_FIELDS,
  envelope,
  envelopeSchema,
  flattenedSchema,
  nullable,
  sourceBlock,
} from './debezium-schemas.ts';

const ID = 7;
const EXAM = {
  id: '0195d2a0-0000-7000-8000-000000000001',
  session_id: 's-1',
  user_id: 'ada',
  exam_id: 3,
  status: 'done',
  result_json: '{"questions": [{"id": 1}]}',
  score_raw: '12.5',
  org_id: null,
  created_at: '2026-03-16T05:00:00.000001Z',
  updated_at: '2026-03-16T05:00:01.123456Z',
};
const COMMITTED_AT = COMMIT_MS * 1000n;
const ROW: Change = {
  kind: 'row',
  row: { user_id: 'ada', updated_at: EXAM.updated_at, created_at: EXAM.created_at },
  committedAt: COMMITTED_AT,
};

async function changeOf(value: Buffer | null, schema?: object, source: Source = 'exam_results'): Promise<Change> {
  const decoder = createDecoder({
    registry: fakeRegistry(schema === undefined ? {} : { [ID]: schema }),
    neededColumns: (each) => neededColumns(each, 'topic'),
  });
  const record = { key: null, value, timestamp: '0', offset: '0' };
  await decoder.prepare([record]);
  return inText(decoder.decode(source, record));
}

/** Learners and instants as text, also if they are parsed already. */
function inText(change: Change): Change {
  if (change.kind !== 'row') return change;
  const row = Object.entries(change.row).map(([column, value]) => {
    if (value instanceof Uuid) return [column, value.toString()];
    return [column, typeof value === 'bigint' ? formatInstant(value) : value];
  });
  return { ...change, row: Object.fromEntries(row) };
}

const avroChange = (schema: object, value: object) => changeOf(avroRecord(ID, schema, value), schema);
const jsonChange = (value: unknown) => changeOf(Buffer.from(jsonText(value)));

/** Connect writes longs as JSON numbers with all digits. */
function jsonText(value: unknown): string {
  const marked = JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? `long:${item}` : item));
  return marked.replace(/"long:(-?\d+)"/g, '$1');
}

const skipped = (reason: string) => ({ kind: 'skipped', reason });
const deadLetter = (reason: string) => expect.objectContaining({ kind: 'deadLetter', reason, step: 'decode' });

describe('an envelope', () => {
  const schema = envelopeSchema(EXAM_RESULT_FIELDS);
  const formats: [string, (value: object) => Promise<Change>][] = [
    ['in Avro', (value) => avroChange(schema, value)],
    ['in bare JSON', (value) => jsonChange(value)],
    ['in JSON with its schema', (value) => jsonChange({ schema: { type: 'struct', fields: [] }, payload: value })],
  ];
  for (const [format, decode] of formats) {
    it.each(['c', 'u', 'r'])(`of operation %s ${format} is the row after it`, async (op) => {
      expect(await decode(envelope(op, EXAM))).toEqual(ROW);
    });

    it.each([
      ['d', 'delete'],
      ['t', 'truncate'],
      ['m', 'message'],
    ])(`of operation %s ${format} is skipped as %s`, async (op, reason) => {
      expect(await decode(envelope(op, null))).toEqual(skipped(reason));
    });

    it(`of an unknown operation ${format} is a dead letter`, async () => {
      expect(await decode(envelope('x', EXAM))).toEqual(deadLetter('unknown_operation'));
    });

    it(`of a change without a row ${format} is a dead letter`, async () => {
      expect(await decode(envelope('u', null))).toEqual(deadLetter('missing_column'));
    });

    it(`${format} with an unusable commit time has none`, async () => {
      expect(await decode(envelope('r', EXAM, sourceBlock(0n)))).toEqual({ ...ROW, committedAt: null });
      expect(await decode(envelope('r', EXAM, sourceBlock(300_000_000_000_000n)))).toEqual({
        ...ROW,
        committedAt: null,
      });
    });
  }

  it('reads the unavailable-value placeholder as an absent column', async () => {
    const placeholder = { ...EXAM, user_id: '__debezium_unavailable_value' };
    for (const [, decode] of formats) {
      expect(await decode(envelope('u', placeholder))).toMatchObject({ row: { user_id: undefined } });
    }
  });

  it.each([
    ['bytes', 'bytes', Buffer.from('__debezium_unavailable_value')],
    ['array', { type: 'array', items: 'string' }, ['__debezium_unavailable_value']],
    ['map', { type: 'map', values: 'string' }, { __debezium_unavailable_value: '__debezium_unavailable_value' }],
  ])('reads the placeholder in type %s as an absent column', async (_name, type, value) => {
    const fields = EXAM_RESULT_FIELDS.map((field) => (field.name === 'user_id' ? { name: 'user_id', type } : field));
    const inAvro = await avroChange(envelopeSchema(fields), envelope('u', { ...EXAM, user_id: value }));
    expect(inAvro).toMatchObject({ kind: 'row', row: { user_id: undefined } });
    const json = Buffer.isBuffer(value) ? value.toString('base64') : value;
    expect(await jsonChange(envelope('u', { ...EXAM, user_id: json }))).toMatchObject({ row: { user_id: undefined } });
  });

  it('has only the type of a needed column of a nested type', async () => {
    expect(await jsonChange(envelope('u', { ...EXAM, user_id: ['ada'] }))).toMatchObject({
      row: { user_id: { unreadable: 'array' } },
    });
  });
});

describe('a flattened row', () => {
  const additions = [
    { name: '__deleted', type: nullable('string') },
    { name: '__op', type: nullable('string') },
    { name: '__source_ts_ms', type: nullable('long') },
  ];
  const extended = flattenedSchema(EXAM_RESULT_FIELDS, additions);
  const add = (deleted: string | null, op: string | null, ts: bigint | null) => ({
    ...EXAM,
    __deleted: deleted,
    __op: op,
    __source_ts_ms: ts,
  });

  it('is a row without a commit time if none was added', async () => {
    expect(await avroChange(flattenedSchema(EXAM_RESULT_FIELDS), EXAM)).toEqual({ ...ROW, committedAt: null });
    expect(await jsonChange(EXAM)).toEqual({ ...ROW, committedAt: null });
  });

  it.each<[string, object, object]>([
    ['is a row with the commit time that was added', add('false', 'u', COMMIT_MS), ROW],
    ['may have null additions', add(null, null, null), { ...ROW, committedAt: null }],
    ['that was deleted is a delete if both additions say so', add('true', 'd', COMMIT_MS), skipped('delete')],
    ['that was deleted is a delete if only __op says so', add(null, 'd', null), skipped('delete')],
    ['of a truncate is a truncate', add(null, 't', null), skipped('truncate')],
    ['of an unknown operation is a dead letter', add(null, 'x', null), deadLetter('unknown_operation')],
  ])('%s', async (_name, value, expected) => {
    expect(await avroChange(extended, value)).toEqual(expected);
    expect(await jsonChange(value)).toEqual(expected);
    expect(await jsonChange({ schema: { type: 'struct', fields: [] }, payload: value })).toEqual(expected);
  });

  it("uses the connector's clock if the source's commit time is absent", async () => {
    expect(await jsonChange({ ...EXAM, __ts_ms: COMMIT_MS })).toEqual(ROW);
    expect(await jsonChange({ ...EXAM, __ts_ms: 1n, __source_ts_ns: COMMIT_MS * 1_000_000n })).toEqual(ROW);
  });

  it('is a delete if __deleted is a boolean', async () => {
    expect(await jsonChange({ ...EXAM, __deleted: true })).toEqual(skipped('delete'));
  });
});

describe('a record that is not the change of a row', () => {
  it('is a tombstone if it has no value', async () => {
    expect(await changeOf(null)).toEqual(skipped('tombstone'));
    expect(await jsonChange({ schema: { type: 'struct', fields: [] }, payload: null })).toEqual(skipped('tombstone'));
  });

  const record = (namespace: string, name: string, fields: object[]) => ({ type: 'record', name, namespace, fields });
  const text = (name: string) => ({ name, type: 'string' });

  it.each<[string, object, object]>([
    [
      'heartbeat',
      record('io.debezium.connector.common', 'Heartbeat', [{ name: 'ts_ms', type: 'long' }]),
      { ts_ms: 5n },
    ],
    [
      'transaction',
      record('io.debezium.connector.common', 'TransactionMetadataValue', [
        text('status'),
        text('id'),
        { name: 'event_count', type: nullable('long') },
        { name: 'data_collections', type: nullable({ type: 'array', items: 'string' }) },
        { name: 'ts_ms', type: 'long' },
      ]),
      { status: 'END', id: '571:24', event_count: 2n, data_collections: ['a'], ts_ms: 5n },
    ],
    [
      'schema_change',
      record('io.debezium.connector.postgresql', 'SchemaChangeValue', [
        { name: 'source', type: record('io.debezium', 'Source', []) },
        text('databaseName'),
        text('ddl'),
      ]),
      { source: {}, databaseName: 'd', ddl: 'ALTER TABLE' },
    ],
    [
      'signal',
      record('platform.debezium_signal', 'Value', [text('id'), text('type'), text('data')]),
      { id: '1', type: 't', data: '{}' },
    ],
    [
      'signal',
      envelopeSchema([text('id'), text('type'), text('data')]),
      envelope('c', { id: '1', type: 't', data: '{}' }),
    ],
  ])('is recognized as %s by its schema and by its fields', async (reason, schema, value) => {
    expect(await avroChange(schema, value)).toEqual(skipped(reason));
    expect(await jsonChange(value)).toEqual(skipped(reason));
  });
});

describe("a writer's schema that avsc refuses", () => {
  /** The same record, read with a schema that differs only in what the changes say. */
  const readWith = async (namespace: string, columns: readonly object[], value: object) => {
    const written = envelopeSchema([...EXAM_RESULT_FIELDS, { name: 'state', type: STATE }]);
    const read = { ...envelopeSchema([...EXAM_RESULT_FIELDS, ...columns] as typeof EXAM_RESULT_FIELDS), namespace };
    return await changeOf(avroRecord(ID, written, envelope('u', value)), read);
  };
  const STATE = { type: 'enum', name: 'State', symbols: ['A', 'B'] };
  const state = { name: 'state', type: { ...STATE, symbols: ['in-progress', 'done'] } };

  it.each<[string, string, object]>([
    ['a hyphen in its namespace', 'my-app.public.session', state],
    ['a leading digit in its namespace', '2024shop.public.session', state],
    ['a column in another alphabet', 'shop.public', { ...state, name: 'größe' }],
    ['a column in another script', 'shop.public', { ...state, name: '状態' }],
    ['a column that starts with a digit', 'shop.public', { ...state, name: '2nd' }],
    ['a sort order that does not exist', 'shop.public', { ...state, order: 'random' }],
    [
      'aliases',
      'shop.public',
      { ...state, aliases: ['old-state'], type: { ...state.type, aliases: ['Old-State', ''] } },
    ],
    ['a default that is not a symbol', 'shop.public', { ...state, type: { ...state.type, default: 'gone' } }],
  ])('for %s is read', async (_what, namespace, column) => {
    expect(await readWith(namespace, [column], { ...EXAM, state: 'B' })).toEqual(ROW);
  });

  it('for the full name of a reference is read', async () => {
    const named = envelopeSchema(EXAM_RESULT_FIELDS) as { fields: { name: string; type: unknown }[] };
    const fields = named.fields.map((each) =>
      each.name === 'after' ? { ...each, type: ['null', '2-b.größe.Value'] } : each,
    );
    const value = avroRecord(ID, named, envelope('u', EXAM));
    expect(await changeOf(value, { ...named, namespace: '2-b.größe', fields })).toEqual(ROW);
  });

  it('for the symbols of an enum has these symbols as values', async () => {
    const learners = { type: 'enum', name: 'Learners', symbols: ['user-1', 'größe'] };
    const fields = [
      { name: 'user_id', type: learners },
      { name: 'completed_at', type: 'long' },
    ];
    const written = fields.map((field) =>
      field.name === 'user_id' ? { ...field, type: { ...learners, symbols: ['A', 'B'] } } : field,
    );
    const value = avroRecord(ID, envelopeSchema(written), envelope('c', { user_id: 'B', completed_at: 1n }));
    expect(await changeOf(value, envelopeSchema(fields))).toMatchObject({ row: { user_id: 'größe' } });
  });
});

describe('a changed schema', () => {
  const decodeWith = async (fields: { name: string; type: unknown }[], row: object) =>
    await avroChange(envelopeSchema(fields), envelope('u', row));

  it('may have columns in any order and additional columns of any type', async () => {
    const extras = fc.subarray([
      { field: { name: 'a', type: nullable({ type: 'array', items: nullable('string') }) }, value: ['x', null] },
      { field: { name: 'b', type: { type: 'map', values: 'long' } }, value: { k: 5n } },
      { field: { name: 'c', type: nullable('bytes') }, value: Buffer.from([0, 1, 2]) },
      { field: { name: 'd', type: nullable('double') }, value: 0.1 },
      { field: { name: 'e', type: 'float' }, value: 0.5 },
      { field: { name: 'f', type: 'boolean' }, value: true },
      { field: { name: 'g', type: { type: 'fixed', name: 'Four', size: 4 } }, value: Buffer.alloc(4) },
      { field: { name: 'h', type: { type: 'enum', name: 'Mood', symbols: ['UP', 'DOWN'] } }, value: 'DOWN' },
      {
        field: {
          name: 'i',
          type: nullable({ type: 'record', name: 'Point', fields: [{ name: 'x', type: 'double' }] }),
        },
        value: { x: 1 },
      },
      { field: { name: 'j', type: nullable('long') }, value: 2n ** 63n - 1n },
    ]);
    const shape = extras.chain((more) => {
      const columns = [
        ...EXAM_RESULT_FIELDS.map((field) => ({ field, value: EXAM[field.name as keyof typeof EXAM] })),
        ...more,
      ];
      return fc.shuffledSubarray<(typeof columns)[number]>(columns, { minLength: columns.length });
    });
    await fc.assert(
      fc.asyncProperty(shape, async (columns) => {
        const row = Object.fromEntries(columns.map(({ field, value }) => [field.name, value]));
        expect(
          await decodeWith(
            columns.map(({ field }) => field),
            row,
          ),
        ).toEqual(ROW);
      }),
    );
  });

  it('may change whether a column is nullable', async () => {
    const turned = EXAM_RESULT_FIELDS.map(({ name, type }) => ({
      name,
      type: Array.isArray(type) ? type[1] : nullable(type),
    }));
    expect(await decodeWith(turned, { ...EXAM, org_id: 1 })).toEqual(ROW);
  });

  it('without a needed column gives a row without it', async () => {
    const without = EXAM_RESULT_FIELDS.filter(({ name }) => name !== 'updated_at');
    expect(await decodeWith([...without], EXAM)).toEqual({
      ...ROW,
      row: { user_id: 'ada', created_at: EXAM.created_at },
    });
  });
});
