import { arrayLiteral } from '../postgres/arrays.ts';
import { forEachBatch } from '../postgres/cursor.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { type DecisionRow, INACTIVITY_OUTBOX, type Outbox, type OutboxRow, type OutboxTable } from './outboxes.ts';

/** Unpublished rows, oldest first. A trigger lists them: see migrations/0018_unpublished.sql. */
export async function takeUnpublished<Row extends OutboxRow, Event>(
  db: Queryable,
  { name, table, columns }: Outbox<Row, Event>,
  limit: number,
): Promise<readonly Row[]> {
  const { rows } = await db.query<Row>({
    name: `take_${name}_outbox`,
    text: `
SELECT ${columns} FROM ${table}
WHERE seq = ANY (ARRAY(SELECT seq FROM lastseen.unpublished WHERE outbox = '${table}'::regclass ORDER BY seq LIMIT $1))
ORDER BY seq`,
    values: [limit],
  });
  return rows;
}

/** The fill factor of the outboxes leaves room in each page for the new versions of a quarter of its rows. */
const PARTS = 4;

/**
 * Marks rows that lie side by side, every fourth in one transaction: when it has committed, the next one uses the room of the
 * versions before, so that no row leaves its page. After a crash in between, the rest is published again.
 */
export async function markPublished(
  database: Database,
  { name, table }: OutboxTable,
  rows: readonly OutboxRow[],
): Promise<void> {
  const parts = Map.groupBy(rows.entries(), ([at]) => at % PARTS);
  for (const part of parts.values()) {
    await database.query({
      name: `mark_${name}_outbox`,
      text: `UPDATE ${table} SET published_at = now() WHERE seq = ANY ($1::int8[])`,
      values: [arrayLiteral(part.map(([, { seq }]) => seq))],
    });
  }
}

/** The number of unpublished rows, and the age of the oldest in seconds, 0 if there is none. */
export async function readOutboxState(
  db: Queryable,
  { table, recordedAt }: OutboxTable,
): Promise<{ readonly waiting: bigint; readonly oldestSeconds: number }> {
  const { rows } = await db.query<{ waiting: bigint; oldestSeconds: number }>({
    text: `
SELECT count(*) AS waiting, GREATEST(0, (
  SELECT extract(epoch FROM now() - ${recordedAt})::float8 FROM ${table}
  WHERE seq = (SELECT min(seq) FROM lastseen.unpublished WHERE outbox = '${table}'::regclass)
)) AS "oldestSeconds"
FROM lastseen.unpublished WHERE outbox = '${table}'::regclass`,
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
