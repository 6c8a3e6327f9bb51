import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';

/** When the last transaction that wrote one of the table's rows was committed, in ms since the epoch. */
export async function lastCommitOf(harness: Harness, table: string): Promise<number> {
  const { rows } = await harness.database.query<{ at: bigint | null }>({
    text: `SELECT (extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) * 1e6)::int8 AS at FROM ${table}`,
  });
  const at = rows[0]?.at ?? null;
  if (at === null) throw new Error(`${table} is empty`);
  return Number(at) / 1000;
}

/** @param query returns `user_id` and `at`, in microseconds since the epoch. */
export async function rowsOf({ database }: Harness, query: string): Promise<Map<string, bigint>> {
  const { rows } = await database.query<{ user_id: string; at: bigint }>({ text: query });
  return new Map(rows.map(({ user_id, at }) => [user_id, at]));
}

/** Number of learners with another instant than the latest of their records, missing, or without records. */
export function wrongRows({ expected }: Load, found: ReadonlyMap<string, bigint>): number {
  let learners = 0;
  let wrong = 0;
  expected.lastSeen.forEach((at, learner) => {
    if (at === 0n) return;
    learners++;
    if (found.get(expected.userIds[learner] ?? '') !== at) wrong++;
  });
  return wrong + Math.max(0, found.size - learners);
}

/** Deletes the results of the previous run. */
export async function emptyLastSeen({ database }: Harness): Promise<void> {
  await database.query({ text: 'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap' });
}

/** Number of records that `track` has applied since then. */
export async function appliedRecords({ database }: Harness): Promise<number> {
  const { rows } = await database.query<{ records: bigint | null }>({
    text: 'SELECT sum(next_offset)::int8 AS records FROM lastseen.track_progress',
  });
  return Number(rows[0]?.records ?? 0);
}

/** Throws if the table differs from the load. */
export async function requireRight(harness: Harness, load: Load): Promise<void> {
  const found = await rowsOf(
    harness,
    'SELECT user_id, (extract(epoch FROM last_seen_at) * 1e6)::int8 AS at FROM lastseen.user_last_seen',
  );
  const wrong = wrongRows(load, found);
  if (wrong > 0) throw new Error(`track has ${wrong} learners with another instant than the latest of their records`);
}
