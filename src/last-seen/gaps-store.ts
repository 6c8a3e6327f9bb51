import { formatInstant, type Instant } from '../activity/instant.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { PartitionGap } from './gap.ts';

const COLUMNS = 'topic, partition, kind, from_offset AS "fromOffset", to_offset AS "toOffset"';

/** Records gaps, in the transaction that records the progress past them. Gaps that are open already do not change. @returns the new ones. */
export async function recordGaps(tx: Queryable, gaps: readonly PartitionGap[]): Promise<PartitionGap[]> {
  if (gaps.length === 0) return [];
  const { rows } = await tx.query<PartitionGap>({
    text: `
INSERT INTO lastseen.track_gap (topic, partition, kind, from_offset, to_offset)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::int8[], $5::int8[])
ON CONFLICT (topic, partition, kind, from_offset) WHERE closed_at IS NULL DO NOTHING
RETURNING ${COLUMNS}`,
    values: [
      gaps.map(({ topic }) => topic),
      arrayLiteral(gaps.map(({ partition }) => partition)),
      gaps.map(({ kind }) => kind),
      arrayLiteral(gaps.map(({ fromOffset }) => fromOffset)),
      arrayLiteral(gaps.map(({ toOffset }) => toOffset)),
    ],
  });
  return rows;
}

/** The gaps of these topics that are not closed. */
export async function openGaps(db: Queryable, topics: readonly string[]): Promise<PartitionGap[]> {
  const { rows } = await db.query<PartitionGap>({
    text: `
SELECT ${COLUMNS}
FROM lastseen.track_gap
WHERE closed_at IS NULL AND topic = ANY ($1::text[])
ORDER BY gap_id`,
    values: [[...topics]],
  });
  return rows;
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
