import { formatInstant, type Instant } from '../activity/instant.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { GapKind, PartitionGap } from './gap.ts';

/** Records gaps, in the transaction that records the progress past them. Gaps that are open already do not change. @returns the new ones. */
export async function recordGaps(tx: Queryable, gaps: readonly PartitionGap[]): Promise<PartitionGap[]> {
  if (gaps.length === 0) return [];
  const { rows } = await tx.query<GapRow>({
    text: `
INSERT INTO lastseen.track_gap (topic, partition, kind, from_offset, to_offset)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::int8[], $5::int8[])
ON CONFLICT (topic, partition, kind, from_offset) WHERE closed_at IS NULL DO NOTHING
RETURNING topic, partition, kind, from_offset, to_offset`,
    values: [
      gaps.map(({ topic }) => topic),
      arrayLiteral(gaps.map(({ partition }) => partition)),
      gaps.map(({ kind }) => kind),
      arrayLiteral(gaps.map(({ fromOffset }) => fromOffset)),
      arrayLiteral(gaps.map(({ toOffset }) => toOffset)),
    ],
  });
  return rows.map(gapOf);
}

/** The gaps of these topics that are not closed. */
export async function openGaps(db: Queryable, topics: readonly string[]): Promise<PartitionGap[]> {
  const { rows } = await db.query<GapRow>({
    text: `
SELECT topic, partition, kind, from_offset, to_offset
FROM lastseen.track_gap
WHERE closed_at IS NULL AND topic = ANY ($1::text[])
ORDER BY gap_id`,
    values: [[...topics]],
  });
  return rows.map(gapOf);
}

/**
 * Closes the open gaps of these topics that were found before an instant. The caller has compared last seen with the
 * source tables as of that instant or later.
 *
 * @returns how many were closed.
 */
export async function closeGaps(
  tx: Queryable,
  topics: readonly string[],
  foundBefore: Instant,
  closedBy: string,
): Promise<number> {
  const { count } = await tx.query({
    text: `
UPDATE lastseen.track_gap SET closed_at = now(), closed_by = $3
WHERE closed_at IS NULL AND topic = ANY ($1::text[]) AND found_at < $2::timestamptz`,
    values: [[...topics], formatInstant(foundBefore), closedBy],
  });
  return count;
}

interface GapRow {
  readonly topic: string;
  readonly partition: number;
  readonly kind: GapKind;
  readonly from_offset: bigint;
  readonly to_offset: bigint | null;
}

function gapOf({ topic, partition, kind, from_offset, to_offset }: GapRow): PartitionGap {
  return { topic, partition, kind, fromOffset: from_offset, toOffset: to_offset };
}
