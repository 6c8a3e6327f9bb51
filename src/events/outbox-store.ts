import { arrayLiteral } from '../postgres/arrays.ts';
import { forEachBatch } from '../postgres/cursor.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { type DecisionRow, INACTIVITY_OUTBOX, type Outbox, type OutboxRow, type OutboxTable } from './outboxes.ts';

/** Unpublished rows, oldest first. */
export async function takeUnpublished<Row extends OutboxRow, Event>(
  db: Queryable,
  { name, table, columns }: Outbox<Row, Event>,
  limit: number,
): Promise<readonly Row[]> {
  const { rows } = await db.query<Row>({
    name: `take_${name}_outbox`,
    text: `SELECT ${columns} FROM ${table} WHERE published_at IS NULL ORDER BY seq LIMIT $1`,
    values: [limit],
  });
  return rows;
}

export async function markPublished(
  db: Queryable,
  { name, table }: OutboxTable,
  rows: readonly OutboxRow[],
): Promise<void> {
  await db.query({
    name: `mark_${name}_outbox`,
    text: `UPDATE ${table} SET published_at = now() WHERE seq = ANY ($1::int8[])`,
    values: [arrayLiteral(rows.map(({ seq }) => seq))],
  });
}

/** The number of unpublished rows, and the age of the oldest in seconds, 0 if there is none. */
export async function readOutboxState(
  db: Queryable,
  { table, recordedAt }: OutboxTable,
): Promise<{ readonly waiting: bigint; readonly oldestSeconds: number }> {
  const { rows } = await db.query<{ waiting: bigint; oldestSeconds: number }>({
    text: `
SELECT count(*) AS waiting, GREATEST(0, (
  SELECT extract(epoch FROM now() - ${recordedAt})::float8 FROM ${table} WHERE published_at IS NULL ORDER BY seq LIMIT 1
)) AS "oldestSeconds"
FROM ${table} WHERE published_at IS NULL`,
  });
  return single(rows, 'an aggregate returns one row');
}

/**
 * Reads the decisions in a table like the outbox in batches: RETURNED first, then ONGOING, then CROSSED.
 *
 * @param after the `seq` after which to read.
 */
export function eachDecision(
  database: Database,
  table: `lastseen.${string}`,
  after: bigint,
  onDecisions: (decisions: readonly DecisionRow[]) => Promise<void>,
): Promise<void> {
  const text = `SELECT ${INACTIVITY_OUTBOX.columns} FROM ${table} WHERE seq > $1 ORDER BY phase DESC, student_id`;
  return forEachBatch<DecisionRow>(database, { text, values: [after] }, onDecisions, 1_000);
}
