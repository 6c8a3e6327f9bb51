import avro, { type Schema, type Type } from 'avsc';
import { BIGINT_LONG } from '../../src/registry/event-codec.ts';
import { readGoldenRecords } from '../../test/fixtures/golden-records.ts';

/** The tables of the records: a narrow one, and one with a large JSON column. */
export type Table = 'session' | 'exam_results';

/** The schemas that the Avro converter registers for a topic, and encoders for them. */
export interface Envelopes {
  readonly keySchema: Schema;
  readonly valueSchema: Schema;
  key(id: string): Buffer;
  value(row: Row, committedAtUs: bigint, transaction: number): Buffer;
}

export type Row = Readonly<Record<string, string | number | null>>;

const CAPTURE = 'avro';
const CAPTURED_PREFIX = 'golden_avro';

/**
 * Envelopes as Debezium writes them: the writer schema of a captured record with another topic prefix, and the envelope of
 * a captured record around each row.
 */
export function envelopesOf(table: Table, prefix: string): Envelopes {
  const { schemas, records } = readGoldenRecords();
  const captured = records.find(
    ({ capture, topic, value }) => capture === CAPTURE && topic === `public.${table}` && value !== null,
  );
  const bytes = Buffer.from(captured?.value ?? '', 'base64');
  const writer = schemas[bytes.readInt32BE(1)];
  if (writer === undefined) throw new Error(`no ${table} record was captured`);
  const renamed = <T>(schema: T): T => JSON.parse(JSON.stringify(schema).replaceAll(CAPTURED_PREFIX, prefix)) as T;
  const template = typeOf(writer as Schema).fromBuffer(bytes.subarray(5)) as Record<string, Record<string, unknown>>;
  const valueSchema = renamed(writer as Schema);
  const valueType = typeOf(valueSchema);
  const keySchema = keySchemaOf(table, prefix);
  const keyType = typeOf(keySchema);
  const blank = Object.fromEntries(Object.keys(template['after'] ?? {}).map((column) => [column, null]));
  return {
    keySchema,
    valueSchema,
    key: (id) => keyType.toBuffer({ id }),
    value(row, committedAtUs, transaction) {
      const lsn = 29_000_000n + BigInt(transaction) * 344n;
      const deliveredAtUs = committedAtUs + 41_327n;
      return valueType.toBuffer({
        ...template,
        before: null,
        after: { ...blank, ...row },
        source: {
          ...template['source'],
          name: prefix,
          snapshot: 'false',
          ts_ms: committedAtUs / 1000n,
          ts_us: committedAtUs,
          ts_ns: committedAtUs * 1000n,
          sequence: `["${lsn - 344n}","${lsn}"]`,
          txId: BigInt(700 + transaction),
          lsn,
        },
        transaction: null,
        op: 'c',
        ts_ms: deliveredAtUs / 1000n,
        ts_us: deliveredAtUs,
        ts_ns: deliveredAtUs * 1000n + 151n,
      });
    },
  };
}

const typeOf = (schema: Schema): Type => avro.Type.forSchema(schema, { registry: { long: BIGINT_LONG } });

function keySchemaOf(table: Table, prefix: string): Schema {
  const name = `${prefix}.public.${table}`;
  const text = { type: 'string', 'connect.version': 1, 'connect.name': 'io.debezium.data.Uuid' };
  const id = { name: 'id', type: table === 'exam_results' ? text : 'string' };
  return { type: 'record', name: 'Key', namespace: name, fields: [id], 'connect.name': `${name}.Key` } as Schema;
}
