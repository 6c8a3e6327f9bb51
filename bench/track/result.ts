import type { Ground } from '../ground.ts';
import type { Load } from '../load/load.ts';

/** The instant, in ms of the epoch, at which the last transaction that wrote one of the table's rows was committed. */
export async function lastCommitOf(ground: Ground, table: string): Promise<number> {
  const { rows } = await ground.database.query<{ at: bigint | null }>({
    text: `SELECT (extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) * 1e6)::int8 AS at FROM ${table}`,
  });
  const at = rows[0]?.at ?? null;
  if (at === null) throw new Error(`${table} is empty`);
  return Number(at) / 1000;
}

/** @param query gives `user_id` and `at`, in microseconds of the epoch. */
export async function rowsOf({ database }: Ground, query: string): Promise<Map<string, bigint>> {
  const { rows } = await database.query<{ user_id: string; at: bigint }>({ text: query });
  return new Map(rows.map(({ user_id, at }) => [user_id, at]));
}

/** How many learners stand elsewhere than at the latest of their records, are missing, or have no records. */
export function wrongRows({ truth }: Load, found: ReadonlyMap<string, bigint>): number {
  let learners = 0;
  let wrong = 0;
  truth.lastSeen.forEach((at, learner) => {
    if (at === 0n) return;
    learners++;
    if (found.get(truth.userIds[learner] ?? '') !== at) wrong++;
  });
  return wrong + Math.max(0, found.size - learners);
}
