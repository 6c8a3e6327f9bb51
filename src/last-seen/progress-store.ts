import type { Instant } from '../activity/instant.ts';
import { type Partition, type Position, partitionKey } from '../kafka/client/records.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { ReadState } from './continuity.ts';

/** How far a partition is applied. */
export interface ProgressRow extends Position {
  /** The newest commit time at the source among the records below the position; null if none had one. */
  readonly newestCommitAt: Instant | null;
  /** If records are read again: how far they had been read before (column `known_offset`). */
  readonly previousOffset?: bigint | undefined;
  /** The Kafka timestamp of the last record below the larger of the two offsets; undefined if unknown. */
  readonly lastRecordAt?: Instant | undefined;
}

/**
 * Records what is applied, in the transaction that applies it. A reader that continues only raises the progress, so an
 * instance that has lost the partition and commits its last transaction late does no harm. A reader that starts below the
 * progress lowers it to what it has read, because the records up to the previous offset may belong to a recreated topic.
 *
 * The progress cannot stay too low: the reader that lowers it owns the partition, commits to Kafka no more than it has
 * recorded, and continues to the previous offset; its successor starts at the committed offset and does the same.
 *
 * @returns below which offset each partition was read before, also if records are read again; none without a row
 */
export async function recordProgress(
  tx: Queryable,
  progress: readonly ProgressRow[],
): Promise<ReadonlyMap<string, bigint>> {
  if (progress.length === 0) return new Map();
  const sorted = [...progress].sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition,
  );
  const { rows } = await tx.query<Partition & { reached: bigint }>({
    name: 'record_progress',
    text: `
WITH recorded AS (
  INSERT INTO lastseen.track_progress AS p
    (topic, partition, next_offset, known_offset, last_record_at, last_record_below, newest_commit_at)
  SELECT
    topic, partition, next_offset, known_offset,
    'epoch'::timestamptz + last_record_at * interval '1 microsecond', coalesce(known_offset, next_offset),
    'epoch'::timestamptz + newest_commit_at * interval '1 microsecond'
  FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[], $5::int8[], $6::int8[])
    AS u (topic, partition, next_offset, known_offset, last_record_at, newest_commit_at)
  ON CONFLICT (topic, partition) DO UPDATE SET
    next_offset = excluded.next_offset,
    known_offset = excluded.known_offset,
    last_record_at = excluded.last_record_at,
    last_record_below = excluded.last_record_below,
    newest_commit_at = GREATEST(p.newest_commit_at, excluded.newest_commit_at),
    updated_at = now()
  WHERE excluded.known_offset IS NOT NULL
    OR (excluded.next_offset > p.next_offset AND excluded.next_offset >= coalesce(p.known_offset, 0))
)
-- The row before: a statement does not see what it writes.
SELECT topic, partition, GREATEST(next_offset, known_offset) AS reached
FROM lastseen.track_progress JOIN unnest($1::text[], $2::int[]) AS u (topic, partition) USING (topic, partition)`,
    values: [
      sorted.map(({ topic }) => topic),
      arrayLiteral(sorted.map(({ partition }) => partition)),
      arrayLiteral(sorted.map(({ nextOffset }) => nextOffset)),
      arrayLiteral(sorted.map(({ previousOffset }) => previousOffset ?? null)),
      arrayLiteral(sorted.map(({ lastRecordAt }) => lastRecordAt ?? null)),
      arrayLiteral(sorted.map(({ newestCommitAt }) => newestCommitAt)),
    ],
  });
  return new Map(rows.map((row) => [partitionKey(row), row.reached]));
}

/** Resets the progress of partitions whose topic was recreated, before progress of the new topic is recorded. */
export async function resetProgress(tx: Queryable, partitions: readonly Partition[]): Promise<void> {
  if (partitions.length === 0) return;
  await tx.query({
    text: `
UPDATE lastseen.track_progress p
SET next_offset = 0, known_offset = NULL, last_record_at = NULL, last_record_below = NULL, newest_commit_at = NULL
FROM unnest($1::text[], $2::int[]) AS u (topic, partition)
WHERE p.topic = u.topic AND p.partition = u.partition`,
    values: [partitions.map(({ topic }) => topic), arrayLiteral(partitions.map(({ partition }) => partition))],
  });
}

/** How far the partitions of these topics are applied. Partitions without recorded progress are left out. */
export async function readProgress(db: Queryable, topics: readonly string[]): Promise<Position[]> {
  const { rows } = await db.query<Position>({
    text: `
SELECT topic, partition, next_offset AS "nextOffset" FROM lastseen.track_progress WHERE topic = ANY ($1::text[])`,
    values: [[...topics]],
  });
  return rows;
}

/**
 * The recorded state of a partition; undefined if there is none. Older releases raise only the offset, so a timestamp or
 * previous offset that no longer fits it is ignored.
 */
export async function loadReadState(db: Queryable, { topic, partition }: Partition): Promise<ReadState | undefined> {
  const { rows } = await db.query<{ nextOffset: bigint; previousOffset: bigint | null; lastRecordAt: Instant | null }>({
    text: `
SELECT next_offset AS "nextOffset", furthest.known_offset AS "previousOffset",
  CASE WHEN last_record_below = furthest.below THEN last_record_at END AS "lastRecordAt"
FROM lastseen.track_progress,
  LATERAL (SELECT CASE WHEN known_offset > next_offset THEN known_offset END, GREATEST(known_offset, next_offset))
    AS furthest (known_offset, below)
WHERE topic = $1 AND partition = $2`,
    values: [topic, partition],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { nextOffset, previousOffset } = row;
  const lastRecordAt = row.lastRecordAt ?? undefined;
  if (previousOffset === null) return { nextOffset, lastRecordAt };
  return { nextOffset, lastRecordAt: undefined, previous: { nextOffset: previousOffset, lastRecordAt } };
}
