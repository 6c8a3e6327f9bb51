import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { OwnSchema } from '../../src/registry/client.ts';
import { createEventCodec } from '../../src/registry/event-codec.ts';
import { checkSchemas, readOwnSchemas, registerSchemas, SCHEMAS_DIRECTORY } from '../../src/registry/own-schemas.ts';
import { avroRecord, fakeRegistry } from './avro.ts';

const EVENT: OwnSchema = {
  type: 'record',
  name: 'Event',
  namespace: 'lastseen.v1',
  fields: [
    { name: 'learner', type: 'string' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'until', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }], default: null },
  ],
};
interface Event {
  readonly learner: string;
  readonly at: bigint;
  readonly until: bigint | null;
}

const [learner, at] = EVENT.fields as [object, object];
const FIRST_VERSION = { ...EVENT, fields: [at, { name: 'dropped', type: 'int' }, learner] };
const OTHER = { ...EVENT, name: 'Other' };

const directory = mkdtempSync(join(tmpdir(), 'lastseen-schemas-'));
const schemaFile = join(directory, 'event.avsc');
writeFileSync(schemaFile, JSON.stringify(EVENT));
afterAll(() => rmSync(directory, { recursive: true }));

const codecOf = async (id: number | undefined = 3) =>
  await createEventCodec<Event>({
    registry: { ...fakeRegistry({ 1: FIRST_VERSION, 2: OTHER, 3: EVENT }), idOf: async () => id },
    topic: 'lastseen.event.v1',
    schemaFile,
  });

describe("lastseen's own events", () => {
  const event: Event = { learner: 'ada', at: 9_007_199_254_740_993n, until: null };

  it('are decoded as they were encoded, also beyond 2^53', async () => {
    const codec = await codecOf();
    const written = codec.encode(event);
    expect([...written.subarray(0, 5)]).toEqual([0, 0, 0, 0, 3]);
    const read = await codec.decode(written);
    expect(read.kind === 'event' ? { ...read.event } : read).toEqual(event);
  });

  it('of an older version are decoded as this version', async () => {
    const codec = await codecOf();
    const older = avroRecord(1, FIRST_VERSION, { at: 5n, dropped: 1, learner: 'ada' });
    const read = await codec.decode(older);
    expect(read.kind === 'event' ? { ...read.event } : read).toEqual({ learner: 'ada', at: 5n, until: null });
  });

  it.each([
    ['is truncated', 3, -1, 'not_decodable'],
    ['has another schema', 2, undefined, 'not_decodable'],
    ['has an unknown schema', 9, undefined, 'unknown_schema'],
  ])('are dead letters if the record %s', async (_name, id, end, reason) => {
    const codec = await codecOf();
    const bytes = Buffer.from(codec.encode(event)).subarray(0, end);
    bytes.writeInt32BE(id, 1);
    expect(await codec.decode(bytes)).toMatchObject({ kind: 'deadLetter', reason });
  });

  it('are dead letters if they are not in wire format', async () => {
    const codec = await codecOf();
    expect(await codec.decode(Buffer.from('{}'))).toMatchObject({ kind: 'deadLetter', reason: 'not_decodable' });
    expect(await codec.decode(Buffer.alloc(0))).toMatchObject({ kind: 'deadLetter', reason: 'not_decodable' });
  });

  it('are not encoded if they do not match the schema', async () => {
    const codec = await codecOf();
    expect(() => codec.encode({ ...event, at: 5 } as unknown as Event)).toThrow();
  });

  it('are not encoded before their schema is registered', async () => {
    const registry = { ...fakeRegistry({}), idOf: async () => undefined };
    const codec = createEventCodec({ registry, topic: 't', schemaFile });
    await expect(codec).rejects.toThrow('lastseen schemas register');
  });
});

describe("lastseen's own schemas", () => {
  it('are one file per topic, and valid for a codec', async () => {
    const files = await readOwnSchemas();
    expect(files.map(({ topic }) => topic)).toEqual(['lastseen.inactivity.v1', 'lastseen.kpi-updated.v1']);
    for (const { topic } of files) {
      const registry = { ...fakeRegistry({}), idOf: async () => 1 };
      await createEventCodec({ registry, topic, schemaFile: join(SCHEMAS_DIRECTORY, `${topic}.avsc`) });
    }
  });

  it('are registered under the subject of their topic', async () => {
    const subjects: string[] = [];
    const register = async (subject: string) => subjects.push(subject);
    expect(
      await registerSchemas({ register }, [
        { topic: 'a.v1', schema: EVENT },
        { topic: 'b.v1', schema: EVENT },
      ]),
    ).toEqual([
      { subject: 'a.v1-value', id: 1 },
      { subject: 'b.v1-value', id: 2 },
    ]);
  });

  it('are checked without registering, and only if they are not registered yet', async () => {
    const registry = {
      idOf: async (subject: string) => (subject === 'a.v1-value' ? 1 : undefined),
      incompatibilities: async () => ['no default for at'],
    };
    expect(
      await checkSchemas(registry, [
        { topic: 'a.v1', schema: EVENT },
        { topic: 'b.v1', schema: EVENT },
      ]),
    ).toEqual([
      { subject: 'a.v1-value', registeredId: 1, incompatibilities: [] },
      { subject: 'b.v1-value', registeredId: undefined, incompatibilities: ['no default for at'] },
    ]);
  });
});
