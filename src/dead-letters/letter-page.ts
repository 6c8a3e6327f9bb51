import { formatInstant } from '../activity/instant.ts';
import { readableInstant, table } from '../cli/tables.ts';
import type { OpenLetter } from '../last-seen/letters-store.ts';
import { printableLines } from '../runtime/printable.ts';
import type { Letter } from './letters.ts';

export interface LetterCount {
  readonly topic: string;
  readonly reason: string;
  readonly step: string;
  letters: number;
}

interface LetterRow {
  readonly id: string;
  readonly letter: Letter;
  readonly redriven: boolean;
}

/** The listed letters, and the counts of all. */
export function lettersPage(rows: readonly LetterRow[], counts: readonly LetterCount[]): string {
  const list = table(
    ['id', 'written', 'from', 'reason', 'step', 'tries', 'redriven', 'detail'],
    rows.map(({ id, letter, redriven }) => [
      id,
      readableInstant(letter.writtenAt),
      originText(letter),
      letter.reason,
      letter.step,
      letter.attempts,
      redriven ? 'yes' : '',
      letter.detail,
    ]),
  );
  const totals = table(
    ['topic', 'reason', 'step', 'letters'],
    counts
      .toSorted((a, b) => b.letters - a.letters)
      .map(({ topic, reason, step, letters }) => [topic, reason, step, letters]),
  );
  const all = counts.reduce((sum, { letters }) => sum + letters, 0);
  const more = all > rows.length ? [`${rows.length} of ${all} listed; --limit lists more`] : [];
  return [list, totals, ...more].join('\n\n');
}

/** Letters whose records are still missing in the table. */
export function openLettersPage(letters: readonly OpenLetter[]): string {
  return table(
    ['number', 'recorded', 'from', 'reason', 'learner', 'detail'],
    letters.map((letter) => [
      letter.letter_id,
      readableInstant(letter.recorded_at),
      `${letter.topic}/${letter.partition}/${letter.record_offset}`,
      letter.reason,
      letter.student_id ?? 'not readable',
      letter.detail,
    ]),
  );
}

export function openLetterJson({ committed_at, recorded_at, ...letter }: OpenLetter) {
  return {
    ...letter,
    committed_at: committed_at === null ? null : formatInstant(committed_at),
    recorded_at: formatInstant(recorded_at),
  };
}

/** A letter as JSON, without the content of its record. */
export function letterJson({ record: _record, writtenAt, ...letter }: Letter) {
  return { ...letter, origin: letter.origin ?? null, writtenAt: formatInstant(writtenAt) };
}

export function originText({ origin }: Letter): string {
  return origin === undefined ? '' : `${origin.topic}/${origin.partition}/${origin.offset}`;
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
