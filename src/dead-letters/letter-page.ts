import { formatInstant } from '../activity/instant.ts';
import { readableInstant, table } from '../cli/tables.ts';
import type { OpenLetter } from '../last-seen/letters-store.ts';
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
