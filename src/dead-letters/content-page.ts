import { table } from '../cli/tables.ts';
import type { Inspection } from '../registry/inspect.ts';
import type { Stop } from '../registry/inspect-avro.ts';
import { printableLines } from '../runtime/printable.ts';
import { keepKeys } from '../runtime/snake-keys.ts';

/** A key or a value as far as it could be decoded, or why it was not tried. */
export type Decoding = Inspection | { readonly format: 'not tried'; readonly why: string };

/** Bytes for people: fields of Avro, or the text; a position at which decoding stops, with the bytes. */
export function decodedText(bytes: Buffer, decoding: Decoding, maxBytes: number): string {
  if (decoding.format === 'not tried') return `not decoded: ${decoding.why}\n${contentText(bytes, maxBytes)}`;
  const { schema, value, stop } = decoding;
  const fields =
    schema === undefined
      ? []
      : [
          `Avro of schema ${schema.id}${schema.name === undefined ? '' : ` (${schema.name})`}`,
          fieldsTable(value, maxBytes),
        ];
  const content = schema === undefined || stop !== undefined ? [contentText(bytes, maxBytes)] : [];
  return [...fields, ...(stop === undefined ? [] : [stopText(stop, bytes.length)]), ...content].join('\n');
}

function stopText({ byte, field, why }: Stop, length: number): string {
  const place = field === undefined ? '' : `, in the field ${field}`;
  return `decoding stops at byte ${byte} (hex ${byte.toString(16)}) of ${length}${place}: ${why}`;
}

function fieldsTable(value: unknown, maxCharacters: number): string {
  return table(
    ['field', 'value'],
    fieldRows('', value).map(([path, text]) => [
      path,
      text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text,
    ]),
  );
}

/** One row per value that has no parts, with its path. */
function fieldRows(path: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  const parts = Object.entries(value);
  if (parts.length === 0) return [[path, Array.isArray(value) ? '[]' : '{}']];
  return parts.flatMap(([name, part]) => fieldRows(path === '' ? name : `${path}.${name}`, part));
}

export function decodingJson(decoding: Decoding) {
  if (decoding.format === 'not tried') return decoding;
  const { format, schema, value, stop } = decoding;
  return { format, schemaId: schema?.id, schemaName: schema?.name, fields: keepKeys(value), stop: stop ?? null };
}

/** Bytes as text if they are UTF-8, else as a hex dump. Cut after `maxBytes`, with a line that counts the rest. */
export function contentText(bytes: Buffer, maxBytes: number): string {
  const cut = bytes.subarray(0, maxBytes);
  const shown = decodeText(cut, bytes.length > maxBytes) ?? hexDump(cut);
  return bytes.length > maxBytes ? `${shown}\n… ${bytes.length - maxBytes} bytes more` : shown;
}

/** Undefined if the bytes are not text. If they were cut, an incomplete last character is dropped. */
function decodeText(bytes: Buffer, isCut: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
    if (/[^\P{Cc}\t\n\r]/u.test(text)) return undefined;
    return printableLines(text);
  } catch {
    return undefined;
  }
}

const LINE_BYTES = 16;

/** Offset, hex and ASCII, 16 bytes per line. */
function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = [...line].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(LINE_BYTES * 3 - 1)}  ${ascii}`);
  }
  return lines.join('\n');
}
