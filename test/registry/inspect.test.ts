import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectKey, inspectValue } from '../../src/registry/inspect.ts';
import { avroRecord, fakeRegistry } from './avro.ts';
import { EXAM_RESULT_FIELDS, envelope, envelopeSchema, nullable } from './debezium-schemas.ts';

const ENVELOPE = envelopeSchema([
  { name: 'tags', type: { type: 'array', items: nullable('string') } },
  { name: 'settings', type: { type: 'map', values: { type: 'array', items: 'int' } } },
  { name: 'digest', type: 'bytes' },
  ...EXAM_RESULT_FIELDS,
]);
const ROW = {
  tags: ['a', null],
  settings: { k: [1, 2] },
  digest: Buffer.from([1, 2]),
  id: '1',
  session_id: 's',
  user_id: 'anna',
  exam_id: 1,
  status: null,
  result_json: '{}',
  score_raw: null,
  org_id: null,
  created_at: '2026-03-16T05:00:00Z',
  updated_at: null,
};
const RECURSIVE = { type: 'record', name: 'List', fields: [{ name: 'next', type: nullable('List') }] };
const RECORD = avroRecord(1, ENVELOPE, envelope('u', ROW));
const registry = fakeRegistry({ 1: ENVELOPE, 2: RECURSIVE });
const inspect = (bytes: Buffer | string) => inspectValue(registry, Buffer.from(bytes));

describe('Avro', () => {
  it('is read with all fields of its schema', async () => {
    const { format, schema, value, stop } = await inspect(RECORD);
    expect({ format, id: schema?.id, stop }).toEqual({ format: 'avro', id: 1, stop: undefined });
    expect(value).toMatchObject({
      op: 'u',
      after: { tags: ['a', null], settings: { k: [1n, 2n] }, digest: 'AQI=', user_id: 'anna', status: null },
    });
  });

  it('is read up to the field in which its bytes end', async () => {
    const end = RECORD.indexOf('anna');
    const { value, stop } = await inspect(RECORD.subarray(0, end));
    // The length of the text is its first byte.
    expect(stop).toEqual({ byte: end - 1, field: 'after.user_id', why: expect.any(String) });
    expect(value).toMatchObject({ before: null, after: { id: '1', session_id: 's' } });
  });

  it('stops at an item of an array, a key of a map, and bytes after the body', async () => {
    const at = (needle: string) => RECORD.indexOf(needle);
    expect((await inspect(RECORD.subarray(0, at('a')))).stop).toMatchObject({ field: 'after.tags.0' });
    expect((await inspect(RECORD.subarray(0, at('k')))).stop).toMatchObject({ field: 'after.settings' });
    expect((await inspect(RECORD.subarray(0, at('k') + 2))).stop).toMatchObject({ field: 'after.settings.k' });
    expect((await inspect(Buffer.concat([RECORD, Buffer.from('xx')]))).stop).toMatchObject({
      byte: RECORD.length,
      field: undefined,
    });
  });

  it('stops at the schema id if the registry does not know it, or the header has none', async () => {
    expect((await inspect(Buffer.from([0, 0, 0, 0, 9, 1]))).stop).toMatchObject({
      byte: 1,
      why: expect.stringContaining('9'),
    });
    expect((await inspect(Buffer.from([0, 0]))).stop).toMatchObject({ byte: 1 });
  });

  it('has a stop within the bytes for every beginning of a record', async () => {
    for (let length = 1; length < RECORD.length; length++) {
      const { stop } = await inspect(RECORD.subarray(0, length));
      expect(stop?.byte ?? expect.fail(`no stop at ${length}`)).toBeLessThanOrEqual(length);
    }
  });

  it('never throws, for any bytes', async () => {
    const header = fc.constantFrom([0, 0, 0, 0, 1], [0, 0, 0, 0, 2], []);
    await fc.assert(
      fc.asyncProperty(header, fc.uint8Array({ maxLength: 200 }), async (start, body) => {
        const { stop } = await inspect(Buffer.from([...start, ...body]));
        expect(stop?.byte ?? 0).toBeLessThanOrEqual(start.length + body.length);
      }),
      { numRuns: 2_000 },
    );
    const deep = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.alloc(200_000, 2)]);
    expect((await inspect(deep)).stop?.why).toContain('nested too deeply');
  });
});

describe('JSON', () => {
  it('is read with integers of any size', async () => {
    expect(await inspect('{"a":[1,{"b":9007199254740993}]}')).toEqual({
      format: 'json',
      value: { a: [1, { b: 9007199254740993n }] },
      stop: undefined,
    });
  });

  it.each([
    ['{"after":{"at":12,}}', 18, 'after'],
    ['{"a":[1,{"b":tru}]}', 13, 'a.1.b'],
    ['{"a":"b', 7, 'a'],
    ['{"a":1}x', 7, undefined],
    ['{"ä":"\\q"}', 7, 'ä'],
    ['{"a" 1}', 5, undefined],
    ['', 0, undefined],
  ])('%s stops at byte %i, in field %s', async (text, byte, field) => {
    expect(await inspect(text)).toMatchObject({ format: 'json', stop: { byte, field } });
  });

  it('stops exactly if JSON.parse refuses the text', async () => {
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', '}', ',', '\\', '0', '.', 'e', '-', '\u0001', ' '))
      .map(([text, at, character]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + character + text.slice(index + 1);
      });
    await fc.assert(
      fc.asyncProperty(mutated, async (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect((await inspect(text)).stop === undefined).toBe(isJson);
      }),
      { numRuns: 3_000 },
    );
  });

  it('that is nested too deeply, or not UTF-8, stops', async () => {
    expect((await inspect('['.repeat(200_000))).stop).toBeDefined();
    expect(await inspect(Buffer.concat([Buffer.from('{"\ufffd":"'), Buffer.from([0xff])]))).toMatchObject({
      format: 'unknown',
      stop: { byte: 8 },
    });
  });
});

it('a key may be any text', async () => {
  expect(await inspectKey(registry, Buffer.from('key-1'))).toEqual({ format: 'text', value: 'key-1', stop: undefined });
  expect(await inspectKey(registry, Buffer.from('{"id":1}'))).toMatchObject({ format: 'json', value: { id: 1 } });
});
