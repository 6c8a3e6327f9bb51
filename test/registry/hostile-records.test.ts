import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { outcomeOfChange } from '../activity/outcome-of.ts';
import { avroRecord, fakeRegistry } from './avro.ts';
import { EXAM_RESULT_FIELDS, envelope, envelopeSchema, flattenedSchema, nullable } from './debezium-schemas.ts';

const POLICY: ActivityPolicy = { attemptSource: 'exam_results', maxClockSkewUs: 600_000_000n };
const NESTED_FIELDS = [
  { name: 'tags', type: { type: 'array', items: nullable('string') } },
  { name: 'settings', type: { type: 'map', values: { type: 'array', items: 'int' } } },
  ...EXAM_RESULT_FIELDS,
];
const ROW = {
  tags: ['a', null],
  settings: { k: [1, 2, 3] },
  id: '1',
  session_id: 's',
  user_id: 'SECRET',
  exam_id: 1,
  status: null,
  result_json: '{"questions": [1]}',
  score_raw: null,
  org_id: null,
  created_at: '2026-03-16T05:00:00Z',
  updated_at: null,
};
const ENVELOPE = envelopeSchema(NESTED_FIELDS);
const FLATTENED = flattenedSchema(NESTED_FIELDS);
const RECURSIVE = {
  type: 'record',
  name: 'List',
  fields: [
    { name: 'next', type: nullable('List') },
    { name: 'user_id', type: 'string' },
  ],
};
const VALID = [
  avroRecord(1, ENVELOPE, envelope('u', ROW)),
  avroRecord(2, FLATTENED, ROW),
  Buffer.from(JSON.stringify({ op: 'u', after: ROW, source: { ts_ms: 1 } })),
  Buffer.from(JSON.stringify({ schema: { fields: [] }, payload: ROW })),
];

const { prepare, decode } = createDecoder({
  registry: fakeRegistry({ 1: ENVELOPE, 2: FLATTENED, 3: RECURSIVE }),
  neededColumns: (source) => neededColumns(source, 'exam_results'),
});

/** The outcome for each source, which has no values of the row if it is a dead letter. Fails if the decoder throws. */
async function outcomesOf(value: Buffer) {
  const record = { key: null, value, timestamp: '1773637260000', offset: '0' };
  await prepare([record]);
  return SOURCES.map((source) => {
    const outcome = outcomeOfChange(source, decode(source, record), 1_773_637_260_000, POLICY);
    if (outcome.kind === 'deadLetter') {
      expect(outcome.detail).not.toContain('SECRET');
      expect(outcome.detail.length).toBeLessThan(120);
    }
    return outcome;
  });
}

const reasonOf = async (value: Buffer | string) => {
  const [outcome] = await outcomesOf(Buffer.from(value));
  return outcome?.kind === 'deadLetter' ? outcome.reason : outcome?.kind;
};

describe('the decoder never throws, and its dead letters have no values of the row', () => {
  it('for any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => void (await outcomesOf(Buffer.from(bytes)))),
    );
  });

  it('for any bytes after the header of a known schema', async () => {
    const bodies = fc.tuple(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 300, size: 'max' }));
    await fc.assert(
      fc.asyncProperty(bodies, async ([id, body]) => void (await outcomesOf(Buffer.from([0, 0, 0, 0, id, ...body])))),
      { numRuns: 500 },
    );
  });

  it('for a valid record with bytes changed, removed or appended', async () => {
    const change = fc.tuple(fc.nat(400), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)));
    const mutated = fc.record({
      valid: fc.constantFrom(...VALID),
      changes: fc.array(change, { maxLength: 4 }),
      cut: fc.option(fc.nat(400)),
      more: fc.uint8Array({ maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(mutated, async ({ valid, changes, cut, more }) => {
        const bytes = Buffer.from(valid);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        await outcomesOf(Buffer.concat([bytes.subarray(0, cut ?? bytes.length), more]));
      }),
      { numRuns: 1000 },
    );
  });

  it('for any JSON', async () => {
    const keys = fc.constantFrom(
      'op',
      'after',
      'before',
      'source',
      'schema',
      'payload',
      'fields',
      'user_id',
      '__proto__',
      'ts_ms',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom('c', 'd', null, true, 0, 1e308, -1, 2 ** 63, 'infinity'),
        fc.dictionary(keys, tie('tree')),
        fc.array(tie('tree'), { maxLength: 3 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, async (value) => void (await outcomesOf(Buffer.from(JSON.stringify(value))))),
      {
        numRuns: 500,
      },
    );
  });
});

describe('an invalid record', () => {
  const [valid] = VALID as [Buffer];

  it.each<[string, Buffer | string]>([
    ['has an empty value', ''],
    ['is truncated within the header', valid.subarray(0, 4)],
    ['is truncated within the body', valid.subarray(0, -1)],
    ['has an extra byte', Buffer.concat([valid, Buffer.of(0)])],
    ['has an id of eight bytes', Buffer.concat([Buffer.alloc(5), valid.subarray(1)])],
    ['has a negative id', Buffer.concat([Buffer.of(0, 0xff, 0xff, 0xff, 0xff), valid.subarray(5)])],
    ['is text', 'hello'],
    ['is a JSON array', '[1]'],
    ['is a JSON number', '1'],
    ['has a row that is not an object', '{"op":"c","after":"x","source":{}}'],
    ['is JSON with invalid UTF-8', Buffer.concat([Buffer.from('{"user_id":"'), Buffer.of(0xff), Buffer.from('"}')])],
    ['is JSON nested ten thousand levels deep', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['is an integer with a thousand digits', '9'.repeat(1000)],
  ])('%s and is not decodable', async (_name, value) => {
    expect(await reasonOf(value)).toBe('not_decodable');
  });

  it('has an unknown schema', async () => {
    expect(await reasonOf(Buffer.of(0, 0, 0, 0, 99, 0))).toBe('unknown_schema');
  });

  it('cannot make the reader loop with a huge count or a negative block size', async () => {
    const head = Buffer.of(0, 0, 0, 0, 2); // the flattened schema starts with an array
    const hugeCount = Buffer.concat([head, Buffer.from('feffffffffffffff7f', 'hex')]);
    const blockOfMinusTwo = Buffer.concat([head, Buffer.of(1, 3)]);
    expect(await reasonOf(hugeCount)).toBe('not_decodable');
    expect(await reasonOf(blockOfMinusTwo)).toBe('not_decodable');
  });

  it('cannot overflow the stack with a recursive schema', async () => {
    const deep = Buffer.concat([Buffer.of(0, 0, 0, 0, 3), Buffer.alloc(1_000_000, 2)]);
    expect(await reasonOf(deep)).toBe('not_decodable');
  });

  it('cannot reach inherited members of an object', async () => {
    expect(await reasonOf('{"__proto__":{"user_id":"SECRET","updated_at":"2026-03-16"}}')).toBe('missing_column');
  });

  it('is not decodable if the learner is invalid UTF-8', async () => {
    const broken = avroRecord(2, FLATTENED, ROW);
    broken.write('\xff', broken.indexOf('SECRET'), 'latin1');
    expect(await reasonOf(broken)).toBe('not_decodable');
  });

  it('is a dead letter if an integer time exceeds 2^63', async () => {
    const row = { ...ROW, updated_at: 'MAX' };
    const text = JSON.stringify({ op: 'u', after: row, source: {} });
    expect(await reasonOf(text.replace('"MAX"', '9223372036854775807'))).toBe('instant_in_future');
    expect(await reasonOf(text.replace('"MAX"', '92233720368547758080'))).toBe('bad_instant');
    expect(await reasonOf(text.replace('"MAX"', '1e400'))).toBe('bad_instant');
  });
});
