import type { PartitionBounds } from '../kafka/admin/offsets.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { must, single } from '../runtime/must.ts';
import type { LetterPosition } from './letter-id.ts';

/** Identifies a dead letter, also after its topic was recreated. */
export interface LetterKey extends LetterPosition {
  /** Microseconds. */
  readonly writtenAt: bigint;
}

/** One array per column. */
function keyColumns(letters: readonly LetterKey[]): readonly unknown[] {
  return [
    letters.map(({ topic }) => topic),
    arrayLiteral(letters.map(({ partition }) => partition)),
    arrayLiteral(letters.map(({ offset }) => offset)),
    arrayLiteral(letters.map(({ writtenAt }) => writtenAt)),
  ];
}

/** The letters that were sent back before. */
export async function findRedriven<T extends LetterKey>(db: Queryable, letters: readonly T[]): Promise<ReadonlySet<T>> {
  if (letters.length === 0) return new Set();
  const { rows } = await db.query<{ position: number }>({
    name: 'find_redriven',
    text: `
SELECT u.position::int
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[]) WITH ORDINALITY
  AS u (topic, partition, letter_offset, written_us, position)
JOIN lastseen.redriven_letter r
  ON (r.topic, r.partition, r.letter_offset, r.written_at)
   = (u.topic, u.partition, u.letter_offset, 'epoch'::timestamptz + u.written_us * interval '1 microsecond')`,
    values: keyColumns(letters),
  });
  return new Set(rows.map(({ position }) => must(letters[position - 1], 'positions are those of the letters')));
}

/** How many of the letters that a topic keeps were sent back before. */
export async function countRedriven(db: Queryable, bounds: readonly PartitionBounds[]): Promise<bigint> {
  const { rows } = await db.query<{ letters: bigint }>({
    text: `
SELECT count(*) AS letters
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[]) AS kept (topic, partition, first_offset, end_offset)
JOIN lastseen.redriven_letter r ON r.topic = kept.topic AND r.partition = kept.partition
  AND r.letter_offset >= kept.first_offset AND r.letter_offset < kept.end_offset`,
    values: [
      bounds.map(({ topic }) => topic),
      arrayLiteral(bounds.map(({ partition }) => partition)),
      arrayLiteral(bounds.map(({ firstOffset }) => firstOffset)),
      arrayLiteral(bounds.map(({ endOffset }) => endOffset)),
    ],
  });
  return single(rows, 'an aggregate returns one row').letters;
}

export async function markRedriven(db: Queryable, letters: readonly LetterKey[]): Promise<void> {
  if (letters.length === 0) return;
  await db.query({
    name: 'mark_redriven',
    text: `
INSERT INTO lastseen.redriven_letter (topic, partition, letter_offset, written_at)
SELECT topic, partition, letter_offset, 'epoch'::timestamptz + written_us * interval '1 microsecond'
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[]) AS u (topic, partition, letter_offset, written_us)
ON CONFLICT DO NOTHING`,
    values: keyColumns(letters),
  });
}
