import { isUtf8 } from 'node:buffer';
import { must } from '../runtime/must.ts';
import type { Registry } from './client.ts';
import { type Inspected, inspectAvro, type Stop } from './inspect-avro.ts';
import { parseExactJson } from './json-record.ts';
import { jsonStop } from './json-stop.ts';
import { isWireFormat, schemaIdOf, WIRE_HEADER_BYTES } from './wire-format.ts';

/** The key or the value of a record, as far as it can be decoded. */
export interface Inspection extends Inspected {
  readonly format: 'avro' | 'json' | 'text' | 'unknown';
  /** Of Avro. */
  readonly schema?: { readonly id: number; readonly name: string | undefined };
}

/** As {@link inspectValue}; a key may also be any text. */
export async function inspectKey(registry: Pick<Registry, 'writerSchema'>, bytes: Buffer): Promise<Inspection> {
  const inspection = await inspectValue(registry, bytes);
  if (inspection.format !== 'json' || inspection.stop === undefined) return inspection;
  return { format: 'text', value: bytes.toString('utf8'), stop: undefined };
}

/**
 * Decodes bytes for people, by the registry or as JSON.
 *
 * @throws LastseenError `registry_unavailable`, `registry_refused`
 */
export async function inspectValue(registry: Pick<Registry, 'writerSchema'>, bytes: Buffer): Promise<Inspection> {
  if (!isWireFormat(bytes)) return inspectText(bytes);
  const id = schemaIdOf(bytes);
  if (id === undefined) return undecodable('avro', { byte: 1, field: undefined, why: 'there is no valid schema id' });
  const schema = await registry.writerSchema(id);
  switch (schema.kind) {
    case 'unknown':
      return undecodable('avro', { byte: 1, field: undefined, why: `the registry does not know schema ${id}` });
    case 'unusable':
      return undecodable('avro', { byte: 1, field: undefined, why: schema.detail });
    case 'avro': {
      const { type } = schema;
      return { format: 'avro', schema: { id, name: type.name }, ...inspectAvro(type, bytes, WIRE_HEADER_BYTES) };
    }
  }
}

function undecodable(format: Inspection['format'], stop: Stop): Inspection {
  return { format, value: null, stop };
}

function inspectText(bytes: Buffer): Inspection {
  if (!isUtf8(bytes)) {
    const why = 'neither Avro in wire format nor UTF-8 text';
    return undecodable('unknown', { byte: firstInvalidByte(bytes), field: undefined, why });
  }
  const text = bytes.toString('utf8');
  try {
    return { format: 'json', value: parseExactJson(text), stop: undefined };
  } catch {
    return undecodable('json', must(jsonStop(text), 'a text that JSON.parse refuses has a mistake'));
  }
}

const REPLACEMENT = '\ufffd';

function firstInvalidByte(bytes: Buffer): number {
  const text = bytes.toString('utf8');
  for (let at = text.indexOf(REPLACEMENT); at !== -1; at = text.indexOf(REPLACEMENT, at + 1)) {
    const byte = Buffer.byteLength(text.slice(0, at));
    // The bytes themselves may encode this character.
    if (bytes.toString('latin1', byte, byte + 3) !== '\u00ef\u00bf\u00bd') return byte;
  }
  return 0;
}
