import avro, { type Schema, type Type } from 'avsc';
import type { WriterSchema } from '../../../src/registry/client.ts';
import { toWireFormat } from '../../../src/registry/wire-format.ts';
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
export function writerOf(schema: object): Type {
  return avro.Type.forSchema(schema as Schema, {
    wrapUnions: 'never',
    typeHook: (attributes) =>
      attributes === 'long' || (typeof attributes === 'object' && 'type' in attributes && attributes.type === 'long')
        ? LONG
        : undefined,
  });
}

/** What the registry would answer for the schema. */
export function registered(schema: object): WriterSchema {
  return { kind: 'avro', type: avro.Type.forSchema(structuredClone(schema) as Schema, { typeHook: writerTypeHook }) };
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
