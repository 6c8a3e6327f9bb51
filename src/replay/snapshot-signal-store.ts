import type { Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';

/**
 * Asks Debezium for an incremental snapshot of the sources' tables, through the table that is its
 * `signal.data.collection`.
 */
export async function askForSnapshot(tx: Queryable, snapshotId: string, sources: Iterable<Source>): Promise<void> {
  const tables = [...sources].map((source) => `public.${source}`);
  await tx.query({
    text: `INSERT INTO public.debezium_signal (id, type, data) VALUES ($1, 'execute-snapshot', $2)`,
    values: [snapshotId, JSON.stringify({ 'data-collections': tables, type: 'incremental' })],
  });
}

/** About how many rows the sources' tables hold, as the planner knows it. */
export async function estimatedRows(db: Queryable, sources: Iterable<Source>): Promise<number> {
  const { rows } = await db.query<{ rows: bigint }>({
    text: `
SELECT coalesce(sum(GREATEST(reltuples, 0)), 0)::int8 AS rows FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1::text[])`,
    values: [[...sources]],
  });
  return Number(rows[0]?.rows ?? 0n);
}
