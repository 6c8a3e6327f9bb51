import Cursor from 'pg-cursor';
import type { Database, Queryable, Statement } from './database.ts';
import { failureOf } from './failures.ts';

/** Hands on the rows of a statement one by one, reading a few at a time, so that memory does not grow with their number. */
export function eachRow<R>(
  database: Database,
  statement: { text: string; values: unknown[] },
  onRow: (row: R) => void,
  batchSize = 1_000,
): Promise<void> {
  return eachBatch<R>(
    database,
    statement,
    async (rows) => {
      for (const row of rows) onRow(row);
    },
    batchSize,
  );
}

/** The same, batch by batch: the next is read when `onRows` is done with the last. */
export function eachBatch<R>(
  database: Database,
  statement: { text: string; values: unknown[] },
  onRows: (rows: readonly R[]) => Promise<void>,
  batchSize: number,
): Promise<void> {
  return database.session(async ({ client }) => {
    const cursor = client.query(new Cursor<R>(statement.text, statement.values));
    try {
      for (;;) {
        const rows = await cursor.read(batchSize);
        if (rows.length === 0) return;
        await onRows(rows);
      }
    } catch (error) {
      throw failureOf(error);
    } finally {
      await cursor.close().catch(() => {
        // A connection that broke has no cursor to close.
      });
    }
  });
}

/**
 * The rows of a statement, read as they are asked for, on the connection of a transaction: several may be read in turn.
 *
 * @param name of the cursor; one a transaction. It is gone with the transaction.
 */
export async function* rowsOf<R>(
  tx: Queryable,
  name: string,
  { text, values = [] }: Statement,
  batchSize = 1_000,
): AsyncGenerator<R, void, undefined> {
  await tx.query({ text: `DECLARE ${name} NO SCROLL CURSOR FOR ${text}`, values });
  for (;;) {
    const { rows } = await tx.query<R>({ text: `FETCH FORWARD ${batchSize} FROM ${name}` });
    yield* rows;
    if (rows.length < batchSize) return;
  }
}
