import avro, { type Schema } from 'avsc';
import type { WriterSchema } from '../../../src/registry/client.ts';
import { toWireFormat, WIRE_HEADER_BYTES } from '../../../src/registry/wire-format.ts';
import { writerTypeHook } from '../../../src/registry/writer-type.ts';

const LONG = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
});

/** The writing side, of any schema: longs are bigint, unions are not wrapped. */
const writerOf = onceBySchema((schema) =>
  avro.Type.forSchema(structuredClone(schema) as Schema, {
    wrapUnions: 'never',
    typeHook: (attributes) => {
      if (attributes === 'long') return LONG;
      if (typeof attributes !== 'object' || !('type' in attributes)) return undefined;
      return attributes.type === 'long' ? LONG : writerTypeHook(attributes as Schema);
    },
  }),
);

/** What the registry would answer for the schema. */
const registered = onceBySchema(
  (schema): WriterSchema => ({
    kind: 'avro',
    type: avro.Type.forSchema(structuredClone(schema) as Schema, { typeHook: writerTypeHook }),
  }),
);

function onceBySchema<T>(compile: (schema: object) => T): (schema: object) => T {
  const compiled = new WeakMap<object, T>();
  return (schema) => {
    const known = compiled.get(schema) ?? compile(schema);
    compiled.set(schema, known);
    return known;
  };
}

/** A registry of schemas by id; every other id is unknown. */
export function fakeRegistry(schemas: Readonly<Record<number, object>>) {
  const answers = new Map(Object.entries(schemas).map(([id, schema]) => [Number(id), registered(schema)]));
  return {
    writerSchema: async (id: number): Promise<WriterSchema> => answers.get(id) ?? { kind: 'unknown' },
  };
}

export function avroRecord(id: number, schema: object, value: object): Buffer {
  return toWireFormat(id, writerOf(schema).toBuffer(value));
}

/** What {@link avroRecord} was given. */
export function avroValue(schema: object, record: Buffer): unknown {
  return writerOf(schema).fromBuffer(record.subarray(WIRE_HEADER_BYTES));
}
