import type { Instant } from '../activity/instant.ts';
import type { Position } from '../kafka/records.ts';
import { plainArray } from './arrays.ts';
import type { Queryable } from './database.ts';

/** A position, with the newest commit time at the source among the records below it (null: none said one). */
export interface Progress extends Position {
  readonly newestCommitAt: Instant | null;
}

/** Records what is applied, in the transaction that applies it. Never moves back: a second reading proves nothing less. */
export async function recordProgress(tx: Queryable, progress: readonly Progress[]): Promise<void> {
  if (progress.length === 0) return;
  const sorted = [...progress].sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition,
  );
  await tx.query({
    name: 'record_progress',
    text: `
INSERT INTO lastseen.track_progress AS p (topic, partition, next_offset, newest_commit_at)
SELECT topic, partition, next_offset, 'epoch'::timestamptz + newest_commit_at * interval '1 microsecond'
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[]) AS u (topic, partition, next_offset, newest_commit_at)
ON CONFLICT (topic, partition) DO UPDATE SET
  next_offset = GREATEST(p.next_offset, excluded.next_offset),
  newest_commit_at = GREATEST(p.newest_commit_at, excluded.newest_commit_at),
  updated_at = now()
WHERE excluded.next_offset > p.next_offset`,
    values: [
      sorted.map(({ topic }) => topic),
      plainArray(sorted.map(({ partition }) => partition)),
      plainArray(sorted.map(({ nextOffset }) => nextOffset)),
      plainArray(sorted.map(({ newestCommitAt }) => newestCommitAt)),
    ],
  });
}

/** How far the partitions of these topics are applied; those that nothing is recorded of are left out. */
export async function readProgress(db: Queryable, topics: readonly string[]): Promise<Position[]> {
  const { rows } = await db.query<{ topic: string; partition: number; next_offset: bigint }>({
    text: 'SELECT topic, partition, next_offset FROM lastseen.track_progress WHERE topic = ANY ($1::text[])',
    values: [[...topics]],
  });
  return rows.map(({ topic, partition, next_offset }) => ({ topic, partition, nextOffset: next_offset }));
}
