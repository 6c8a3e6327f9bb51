import Cursor from 'pg-cursor';
import type { BoundStatement, Database, Queryable, Statement } from './database.ts';
import { translateError } from './failures.ts';

/**
 * Calls `onRows` for each batch of rows of a statement, and reads the next batch when it has resolved: memory does not
 * grow with the number of rows.
 */
export function forEachBatch<R>(
  database: Database,
  statement: BoundStatement,
  onRows: (rows: readonly R[]) => Promise<void>,
  batchSize = 1_000,
): Promise<void> {
  return database.session(async ({ client }) => {
    const cursor = client.query(new Cursor<R>(statement.text, [...statement.values]));
    try {
      for (;;) {
        const rows = await cursor.read(batchSize);
        if (rows.length === 0) return;
        await onRows(rows);
      }
    } catch (error) {
      throw translateError(error, { text: statement.text });
    } finally {
      await cursor.close().catch(() => {
        // A broken connection has no cursor to close.
      });
    }
  });
}

/**
 * Streams the rows of a statement inside a transaction, a batch per FETCH. Several streams of one transaction may be read
 * alternately.
 *
 * @param name of the cursor, unique in the transaction; it is closed when the transaction ends
 */
export async function* streamRows<R>(
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
