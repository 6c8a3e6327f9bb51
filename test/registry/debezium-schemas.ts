/** Schemas and rows as Debezium's Postgres connector writes them, reduced to what the tests need. */

export interface AvroField {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
}

export const nullable = (type: unknown) => ['null', type];
export const connectType = (type: string, name: string) => ({ type, 'connect.version': 1, 'connect.name': name });
const zonedTimestamp = connectType('string', 'io.debezium.time.ZonedTimestamp');
const json = connectType('string', 'io.debezium.data.Json');
const uuid = connectType('string', 'io.debezium.data.Uuid');

export const EXAM_RESULT_FIELDS: readonly AvroField[] = [
  { name: 'id', type: uuid },
  { name: 'session_id', type: 'string' },
  { name: 'user_id', type: nullable('string'), default: null },
  { name: 'exam_id', type: nullable('int'), default: null },
  { name: 'status', type: nullable('string'), default: null },
  { name: 'result_json', type: nullable(json), default: null },
  { name: 'score_raw', type: nullable('string'), default: null },
  { name: 'org_id', type: nullable('int'), default: null },
  { name: 'created_at', type: zonedTimestamp },
  { name: 'updated_at', type: nullable(zonedTimestamp), default: null },
];

const SOURCE_FIELDS: readonly AvroField[] = [
  { name: 'version', type: 'string' },
  { name: 'connector', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'ts_ms', type: 'long' },
  { name: 'snapshot', type: ['string', 'null'], default: 'false' },
  { name: 'db', type: 'string' },
  { name: 'sequence', type: nullable('string'), default: null },
  { name: 'ts_us', type: nullable('long'), default: null },
  { name: 'ts_ns', type: nullable('long'), default: null },
  { name: 'schema', type: 'string' },
  { name: 'table', type: 'string' },
  { name: 'txId', type: nullable('long'), default: null },
  { name: 'lsn', type: nullable('long'), default: null },
  { name: 'xmin', type: nullable('long'), default: null },
];

/** The envelope of a table. As in Debezium, the row's record is defined in `before` and referenced in `after`. */
export function envelopeSchema(fields: readonly AvroField[], sourceFields = SOURCE_FIELDS): object {
  return {
    type: 'record',
    name: 'Envelope',
    namespace: 'platform.public.exam_results',
    fields: [
      { name: 'before', type: ['null', { type: 'record', name: 'Value', fields }], default: null },
      { name: 'after', type: ['null', 'Value'], default: null },
      {
        name: 'source',
        type: {
          type: 'record',
          name: 'Source',
          namespace: 'io.debezium.connector.postgresql',
          fields: sourceFields,
          'connect.name': 'io.debezium.connector.postgresql.Source',
        },
      },
      {
        name: 'transaction',
        type: [
          'null',
          {
            type: 'record',
            name: 'block',
            namespace: 'event',
            fields: [
              { name: 'id', type: 'string' },
              { name: 'total_order', type: 'long' },
              { name: 'data_collection_order', type: 'long' },
            ],
          },
        ],
        default: null,
      },
      { name: 'op', type: 'string' },
      { name: 'ts_ms', type: nullable('long'), default: null },
      { name: 'ts_us', type: nullable('long'), default: null },
      { name: 'ts_ns', type: nullable('long'), default: null },
    ],
    'connect.version': 2,
    'connect.name': 'platform.public.exam_results.Envelope',
  };
}

/** A flattened row, with the additions of `add.fields` and `delete.handling=rewrite`. */
export function flattenedSchema(fields: readonly AvroField[], additions: readonly AvroField[] = []): object {
  return {
    type: 'record',
    name: 'Value',
    namespace: 'platform.public.exam_results',
    fields: [...fields, ...additions],
  };
}

export const COMMIT_MS = 1_773_637_260_000n;

export function sourceBlock(commitMs: bigint = COMMIT_MS): object {
  return {
    version: '3.6.3.Final',
    connector: 'postgresql',
    name: 'platform',
    ts_ms: commitMs,
    snapshot: 'false',
    db: 'postgres',
    sequence: '["24023128","24023128"]',
    ts_us: commitMs * 1000n,
    ts_ns: BigInt.asIntN(64, commitMs * 1_000_000n),
    schema: 'public',
    table: 'exam_results',
    txId: 771n,
    lsn: 24023128n,
    xmin: null,
  };
}

export function envelope(op: string, after: object | null, source: object = sourceBlock()): object {
  const ts = COMMIT_MS + 40n;
  return { before: null, after, source, transaction: null, op, ts_ms: ts, ts_us: ts * 1000n, ts_ns: ts * 1_000_000n };
}
