import { dateArray, instantArray, textArray, uuidArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { WeeklyTarget } from './rows-store.ts';

/** Locks each target's watermark and raises it to the as-of; one that is as new or newer is only locked. */
export async function raiseWatermarks(tx: Queryable, targets: readonly WeeklyTarget[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_watermark AS watermark (user_id, week_start, as_of)
SELECT user_id, week_start, as_of
FROM unnest($1::text[], $2::date[], $3::timestamptz[]) WITH ORDINALITY AS target (user_id, week_start, as_of, position)
ORDER BY position
ON CONFLICT (user_id, week_start) DO UPDATE SET as_of = excluded.as_of WHERE watermark.as_of < excluded.as_of`,
    values: [
      textArray(targets.map(({ userId }) => userId)),
      dateArray(targets.map(({ weekStart }) => weekStart)),
      instantArray(targets.map(({ asOf }) => asOf)),
    ],
  });
}

/**
 * The targets, by position, whose event was answered before or whose week has the figures of a newer as-of. A separate
 * statement after the locks: in READ COMMITTED it sees what the previous holder of the locks has written.
 */
export async function staleTargets(
  tx: Queryable,
  targets: readonly WeeklyTarget[],
): Promise<ReadonlyMap<number, 'outdated' | 'redelivered'>> {
  const { rows } = await tx.query<{ position: number; redelivered: boolean }>({
    text: `
SELECT target.position::int - 1 AS position, ledger.cause_event_id IS NOT NULL AS redelivered
FROM unnest($1::text[], $2::date[], $3::timestamptz[], $4::uuid[])
  WITH ORDINALITY AS target (user_id, week_start, as_of, cause_event_id, position)
JOIN lastseen.kpi_watermark AS watermark USING (user_id, week_start)
LEFT JOIN lastseen.kpi_ledger AS ledger USING (cause_event_id)
WHERE ledger.cause_event_id IS NOT NULL OR watermark.as_of > target.as_of`,
    values: [
      textArray(targets.map(({ userId }) => userId)),
      dateArray(targets.map(({ weekStart }) => weekStart)),
      instantArray(targets.map(({ asOf }) => asOf)),
      uuidArray(targets.map(({ cause }) => cause?.eventId ?? null)),
    ],
  });
  return new Map(rows.map(({ position, redelivered }) => [position, redelivered ? 'redelivered' : 'outdated']));
}
