import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
import { formatInstant, type Instant } from '../../src/activity/instant.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { single } from '../../src/runtime/must.ts';
import { outcomeOfChange } from '../activity/outcome-of.ts';
import { avroRecord, fakeRegistry } from './avro.ts';
import { connectType, envelope, envelopeSchema, flattenedSchema, nullable } from './debezium-schemas.ts';

const POLICY: ActivityPolicy = { attemptSource: 'topic', maxClockSkewUs: 10n ** 18n };

/** How a connector writes an instant: Connect's name of the type, and the instant rounded to its precision. */
interface TimeType {
  readonly avroType: 'long' | 'int' | 'string';
  readonly schemaName: string;
  readonly write: (us: Instant) => bigint | number | string;
  readonly keeps: (us: Instant) => Instant;
}

const exact = (us: Instant) => us;
const toMs = (us: Instant) => us - (us % 1000n);
const toDay = (us: Instant) => us - (us % 86_400_000_000n);
const days = (us: Instant) => Number(us / 86_400_000_000n);
const TIME_TYPES: readonly TimeType[] = [
  { avroType: 'string', schemaName: 'io.debezium.time.ZonedTimestamp', write: formatInstant, keeps: exact },
  { avroType: 'string', schemaName: 'io.debezium.time.IsoTimestamp', write: formatInstant, keeps: exact },
  {
    avroType: 'string',
    schemaName: 'io.debezium.time.IsoDate',
    write: (us) => `${formatInstant(us).slice(0, 10)}Z`,
    keeps: toDay,
  },
  { avroType: 'long', schemaName: 'io.debezium.time.Timestamp', write: (us) => us / 1000n, keeps: toMs },
  { avroType: 'long', schemaName: 'io.debezium.time.MicroTimestamp', write: exact, keeps: exact },
  { avroType: 'long', schemaName: 'io.debezium.time.NanoTimestamp', write: (us) => us * 1000n + 999n, keeps: exact },
  { avroType: 'int', schemaName: 'io.debezium.time.Date', write: days, keeps: toDay },
  { avroType: 'long', schemaName: 'org.apache.kafka.connect.data.Timestamp', write: (us) => us / 1000n, keeps: toMs },
  { avroType: 'int', schemaName: 'org.apache.kafka.connect.data.Date', write: days, keeps: toDay },
];

const CONNECT_TYPE = { long: 'int64', int: 'int32', string: 'string' } as const;

async function appliedAt(value: Buffer, schema?: object): Promise<Instant> {
  const decoder = createDecoder({
    registry: fakeRegistry(schema === undefined ? {} : { 1: schema }),
    neededColumns: (s) => neededColumns(s, 'topic'),
  });
  const record = { key: null, value, timestamp: '0', offset: '0' };
  await decoder.prepare([record]);
  const outcome = outcomeOfChange('features_topic_daily', decoder.decode('features_topic_daily', record), 0, POLICY);
  if (outcome.kind !== 'applied') throw new Error(JSON.stringify(outcome));
  return single(outcome.activities, 'a row of this source is one activity').at;
}

function json(value: object): Buffer {
  const marked = JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? `long:${item}` : item));
  return Buffer.from(marked.replace(/"long:(-?\d+)"/g, '$1'));
}

describe('an instant keeps its microseconds', () => {
  // From 2000 to 2262, when nanoseconds exceed a long.
  const instants = fc.bigInt({ min: 946_684_800_000_000n, max: 9_223_372_036_000_000n });

  it.each(TIME_TYPES)('as $schemaName in every format', async ({ avroType, schemaName, write, keeps }) => {
    const fields = [
      { name: 'user_id', type: 'string' },
      { name: 'last_seen_at', type: nullable(connectType(avroType, schemaName)) },
    ];
    const inEnvelope = envelopeSchema(fields);
    const flattened = flattenedSchema(fields);
    const rowFields = [
      { field: 'user_id', type: 'string' },
      { field: 'last_seen_at', type: CONNECT_TYPE[avroType], name: schemaName },
    ];
    const rowSchema = { type: 'struct', fields: rowFields };
    const schema = { type: 'struct', fields: [{ field: 'after', ...rowSchema }] };
    await fc.assert(
      fc.asyncProperty(instants, async (us) => {
        const row = { user_id: 'ada', last_seen_at: write(us) };
        const expected = keeps(us);
        expect(await appliedAt(avroRecord(1, inEnvelope, envelope('c', row)), inEnvelope)).toBe(expected);
        expect(await appliedAt(avroRecord(1, flattened, row), flattened)).toBe(expected);
        expect(await appliedAt(json({ schema, payload: envelope('c', row) }))).toBe(expected);
        expect(await appliedAt(json({ schema: rowSchema, payload: row }))).toBe(expected);
        expect(await appliedAt(json(envelope('c', row)))).toBe(expected);
        expect(await appliedAt(json(row))).toBe(expected);
      }),
    );
  });

  it.each(['long', nullable('long')])('as Avro %j of nanoseconds without a schema name', async (type) => {
    const schema = flattenedSchema([
      { name: 'user_id', type: 'string' },
      { name: 'last_seen_at', type },
    ]);
    const row = { user_id: 'ada', last_seen_at: 1_773_637_200_123_456_789n };
    expect(await appliedAt(avroRecord(1, schema, row), schema)).toBe(1_773_637_200_123_456n);
  });

  it("as Avro's logical type", async () => {
    const type = { type: 'long', logicalType: 'timestamp-millis' };
    const schema = flattenedSchema([
      { name: 'user_id', type: 'string' },
      { name: 'last_seen_at', type },
    ]);
    const row = { user_id: 'ada', last_seen_at: 1_773_637_200_123n };
    expect(await appliedAt(avroRecord(1, schema, row), schema)).toBe(1_773_637_200_123_000n);
  });
});
