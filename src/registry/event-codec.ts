import { readFileSync } from 'node:fs';
import avro, { type Schema, type Type } from 'avsc';
import type { Outcome } from '../activity/activity.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { OwnSchema, Registry } from './client.ts';
import { notDecodable, unknownSchema } from './draft.ts';
import { schemaIdOf, toWireFormat, WIRE_HEADER_BYTES } from './wire-format.ts';

/** Encodes and decodes one type of lastseen's own events (`long` is bigint). */
export interface EventCodec<T extends object> {
  /** To wire format. Throws if the value does not match the schema: a bug, never data. */
  encode(event: T): Buffer;
  /** Reads any version of the event as this version. Throws only `registry_unavailable` (retriable). */
  decode(value: Buffer): Promise<DecodedEvent<T>>;
}

type DecodedEvent<T> = { readonly kind: 'event'; readonly event: T } | Extract<Outcome, { kind: 'deadLetter' }>;

export interface EventCodecDeps {
  readonly registry: Pick<Registry, 'idOf' | 'writerSchema'>;
  readonly topic: string;
  readonly schemaFile: string | URL;
}

/** Throws `schema_incompatible` if the schema is not registered, `registry_unavailable` on an outage. */
export async function createEventCodec<T extends object>(deps: EventCodecDeps): Promise<EventCodec<T>> {
  const { registry, topic } = deps;
  const schema = JSON.parse(readFileSync(deps.schemaFile, 'utf8')) as OwnSchema;
  const ownType = avro.Type.forSchema(schema as Schema, { typeHook: bigintLongs });
  const ownId = await registry.idOf(subjectOf(topic), schema);
  if (ownId === undefined) {
    throw new LastseenError(
      'schema_incompatible',
      `this version of the schema of ${topic} is not registered: run \`lastseen schemas register\``,
    );
  }
  const readers = new Map<number, (body: Buffer) => T>();

  async function readerOf(id: number): Promise<((body: Buffer) => T) | DecodedEvent<T>> {
    const cached = readers.get(id);
    if (cached !== undefined) return cached;
    const writer = await registry.writerSchema(id);
    if (writer.kind === 'unknown') return unknownSchema(id);
    if (writer.kind === 'unusable') return notDecodable(writer.detail);
    try {
      const resolver = ownType.createResolver(writer.type);
      const reader = (body: Buffer) => ownType.fromBuffer(body, resolver) as T;
      readers.set(id, reader);
      return reader;
    } catch {
      return notDecodable(`schema ${id} cannot be read as an event of ${topic}`);
    }
  }

  return {
    encode(event) {
      try {
        return toWireFormat(ownId, ownType.toBuffer(event));
      } catch {
        // avsc's own message quotes the value.
        throw new Error(`an event of ${topic} does not match its schema: ${wrongFields(ownType, event)}`);
      }
    },

    async decode(value) {
      const id = value[0] === 0 ? schemaIdOf(value) : undefined;
      if (id === undefined) return notDecodable('not in wire format');
      const reader = await readerOf(id);
      if (typeof reader !== 'function') return reader;
      try {
        return { kind: 'event', event: reader(value.subarray(WIRE_HEADER_BYTES)) };
      } catch {
        return notDecodable('the body does not match its schema');
      }
    },
  };
}

function wrongFields(type: Type, event: object): string {
  const paths: string[] = [];
  type.isValid(event, { errorHook: (path) => paths.push(path.join('.')) });
  return paths.join(', ');
}

/** The subject of the values of a topic (Confluent's TopicNameStrategy). */
export function subjectOf(topic: string): string {
  return `${topic}-value`;
}

function bigintLongs(schema: Schema): Type | undefined {
  const isLong = schema === 'long' || (typeof schema === 'object' && 'type' in schema && schema.type === 'long');
  return isLong ? BIGINT_LONG : undefined;
}

/** Longs as bigint: instants in microseconds exceed 2^53 in 2255. */
export const BIGINT_LONG = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});
