import avro, { type Schema } from 'avsc';
import type { WriterSchema } from '../../src/registry/client.ts';
import { BIGINT_LONG } from '../../src/registry/event-codec.ts';
import { toWireFormat, WIRE_HEADER_BYTES } from '../../src/registry/wire-format.ts';
import { writerTypeHook } from '../../src/registry/writer-type.ts';

/** The writer of a schema: longs are bigint, unions are not wrapped. */
const writerOf = onceBySchema((schema) =>
  avro.Type.forSchema(structuredClone(schema) as Schema, {
    wrapUnions: 'never',
    typeHook: (attributes, options) => {
      if (attributes === 'long') return BIGINT_LONG;
      if (typeof attributes !== 'object' || !('type' in attributes)) return undefined;
      return attributes.type === 'long' ? BIGINT_LONG : writerTypeHook(attributes as Schema, options);
    },
  }),
);

/** The registry's answer for the schema. */
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

/** A registry with these schemas by id; every other id is unknown. */
export function fakeRegistry(schemas: Readonly<Record<number, object>>) {
  const answers = new Map(Object.entries(schemas).map(([id, schema]) => [Number(id), registered(schema)]));
  return {
    writerSchema: async (id: number): Promise<WriterSchema> => answers.get(id) ?? { kind: 'unknown' },
  };
}

export function avroRecord(id: number, schema: object, value: object): Buffer {
  return toWireFormat(id, writerOf(schema).toBuffer(value));
}

/** The value that {@link avroRecord} encoded. */
export function avroValue(schema: object, record: Buffer): unknown {
  return writerOf(schema).fromBuffer(record.subarray(WIRE_HEADER_BYTES));
}
