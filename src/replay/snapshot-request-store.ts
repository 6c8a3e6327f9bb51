import type { Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';

/** Requests an incremental snapshot of the sources' tables, with a row in Debezium's `signal.data.collection` table. */
export async function requestSnapshot(tx: Queryable, snapshotId: string, sources: Iterable<Source>): Promise<void> {
  const tables = [...sources].map((source) => `public.${source}`);
  await tx.query({
    text: `INSERT INTO public.debezium_signal (id, type, data) VALUES ($1, 'execute-snapshot', $2)`,
    values: [snapshotId, JSON.stringify({ 'data-collections': tables, type: 'incremental' })],
  });
}

/** The planner's estimate of the number of rows in the sources' tables. */
export async function estimatedRows(db: Queryable, sources: Iterable<Source>): Promise<number> {
  const { rows } = await db.query<{ rows: bigint }>({
    text: `
SELECT coalesce(sum(GREATEST(reltuples, 0)), 0)::int8 AS rows FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1::text[])`,
    values: [[...sources]],
  });
  return Number(single(rows, 'an aggregate returns one row').rows);
}
