import { type Change, skip } from '../activity/activity.ts';
import type { Source } from '../activity/source.ts';
import type { RawRecord } from '../kafka/client/records.ts';
import { MalformedRecord } from './avro-cursor.ts';
import { compileProjection, type Projection } from './avro-projection.ts';
import type { Registry, WriterSchema } from './client.ts';
import { notDecodable, unknownSchema } from './draft.ts';
import { changeOfJson } from './json-record.ts';
import { isWireFormat, schemaIdOf, WIRE_HEADER_BYTES } from './wire-format.ts';

/** Decodes records of source topics. The format is detected per record, so there is no setting. */
export interface Decoder {
  /**
   * Fetches the schemas of the records that are not cached, so that `decode` is synchronous. Throws
   * `registry_unavailable` (retriable) on an outage, which is never the fault of a record.
   */
  prepare(records: readonly RawRecord[]): Promise<void>;
  /** Never throws, for any bytes, if the record went through `prepare`. */
  decode(source: Source, record: RawRecord): Change;
}

export interface DecoderDeps {
  readonly registry: Pick<Registry, 'writerSchema'>;
  /** All other columns are skipped. */
  readonly neededColumns: (source: Source) => readonly string[];
}

interface KnownSchema {
  readonly schema: WriterSchema;
  readonly projections: Map<Source, Projection | Change>;
}

export function createDecoder({ registry, neededColumns }: DecoderDeps): Decoder {
  const schemas = new Map<number, KnownSchema>();

  function projectionOf(source: Source, id: number): Projection | Change {
    const found = schemas.get(id);
    if (found === undefined) throw new Error(`schema ${id} was not prepared`);
    const cached = found.projections.get(source);
    if (cached !== undefined) return cached;
    const compiled = compile(found.schema, id, neededColumns(source));
    found.projections.set(source, compiled);
    return compiled;
  }

  function changeOfAvro(source: Source, value: Buffer): Change {
    const id = schemaIdOf(value);
    if (id === undefined) return notDecodable(describeBadHeader(value));
    const projection = projectionOf(source, id);
    return typeof projection === 'function'
      ? deadLetterOnError(() => projection({ bytes: value, at: WIRE_HEADER_BYTES }))
      : projection;
  }

  return {
    async prepare(records) {
      let last: number | undefined;
      for (const { value } of records) {
        const id = value !== null && isWireFormat(value) ? schemaIdOf(value) : undefined;
        if (id === last || id === undefined) continue;
        last = id;
        if (schemas.get(id)?.schema.kind === 'avro') continue;
        // One by one: usually there are one or two, and many invalid ids must not become as many concurrent requests.
        const schema = await registry.writerSchema(id);
        schemas.set(id, { schema, projections: new Map() });
      }
    },

    decode(source, { value }) {
      if (value === null) return skip('tombstone');
      if (isWireFormat(value)) return changeOfAvro(source, value);
      return deadLetterOnError(() => changeOfJson(value, neededColumns(source)));
    },
  };
}

function compile(schema: WriterSchema, id: number, columns: readonly string[]): Projection | Change {
  switch (schema.kind) {
    case 'avro': {
      const { type } = schema;
      return deadLetterOnError(() => compileProjection(type, columns));
    }
    case 'unknown':
      return unknownSchema(id);
    case 'unusable':
      return notDecodable(schema.detail);
  }
}

/** No record may end the process: an error of its reader, also a stack overflow, makes it a dead letter. */
function deadLetterOnError<T>(read: () => T): T | Change {
  try {
    return read();
  } catch (error) {
    return notDecodable(error instanceof MalformedRecord ? error.message : 'the record cannot be read');
  }
}

function describeBadHeader(value: Buffer): string {
  if (value.length < WIRE_HEADER_BYTES) return 'shorter than the header of the wire format';
  return 'the header has no valid schema id; for ids of eight bytes set as-confluent=true in the converter';
}
