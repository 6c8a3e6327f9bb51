import type { Queryable } from '../postgres/database.ts';

export type OutboxName = 'inactivity' | 'kpi_updated';

const STATE: Readonly<Record<OutboxName, string>> = {
  inactivity: `
SELECT count(*) AS waiting, (
  SELECT extract(epoch FROM now() - detected_at)::float8
  FROM lastseen.inactivity_outbox WHERE published_at IS NULL ORDER BY seq LIMIT 1
) AS oldest
FROM lastseen.inactivity_outbox WHERE published_at IS NULL`,
  kpi_updated: `
SELECT count(*) AS waiting, (
  SELECT extract(epoch FROM now() - recorded_at)::float8
  FROM lastseen.kpi_ledger WHERE published_at IS NULL ORDER BY seq LIMIT 1
) AS oldest
FROM lastseen.kpi_ledger WHERE published_at IS NULL`,
};

/** How many events wait to be published, and how long the oldest has waited. */
export async function readOutboxState(
  db: Queryable,
  outbox: OutboxName,
): Promise<{ waiting: bigint; oldestSeconds: number }> {
  const { rows } = await db.query<{ waiting: bigint; oldest: number | null }>({ text: STATE[outbox] });
  return { waiting: rows[0]?.waiting ?? 0n, oldestSeconds: Math.max(0, rows[0]?.oldest ?? 0) };
}
