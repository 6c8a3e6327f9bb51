import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { translateError } from '../../src/postgres/failures.ts';
import { isRetriable, safeMessage } from '../../src/runtime/errors.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({ text: 'CREATE TABLE guarded (name text PRIMARY KEY CHECK (length(name) < 30))' });
  await db.database.query({ text: `INSERT INTO guarded VALUES ('canary')` });
});
afterAll(() => db.close());

describe('an error of Postgres', () => {
  it.each([
    ['22P02', `SELECT $1::uuid`],
    ['22P02', `SELECT $1::json`],
    ['22007', `SELECT $1::timestamptz`],
    ['22008', `SELECT ('2026-13-01 ' || left($1, 0))::timestamptz`],
    ['23505', `INSERT INTO guarded VALUES ($1)`],
    ['23514', `INSERT INTO guarded VALUES (repeat($1, 9))`],
    ['22012', `SELECT length($1) / 0`],
  ])('about a value is reported by SQLSTATE %s without the value: %s', async (state, text) => {
    const error = await db.database.query({ text, values: ['canary'] }).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 'postgres_data', message: expect.stringContaining(`SQLSTATE ${state}`) });
    // All properties: Node prints them for an unhandled error.
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('canary');
  });

  it('that names no value keeps its message', async () => {
    const error = await db.database.query({ text: 'SELECT lengthy(' }).catch((each: unknown) => each);
    expect(safeMessage(error)).toBe('Postgres: syntax error at end of input (SQLSTATE 42601)');
  });

  it.each([
    ['SELECT 1 FROM no_such_table', '42P01', 'no_such_table'],
    ['SELECT 1 FROM no_such_schema.guarded', '42P01', 'no_such_schema.guarded'],
    ['SELECT no_such_column FROM guarded', '42703', 'no_such_column'],
    ['SELECT name,\n  1\nFROM guarded WHERE name = 4711', '42883', '`FROM guarded WHERE name = 4711`'],
    [`SELECT coalesce(name, 1::int) FROM guarded`, '42804', 'coalesce(name, 1::int)'],
  ])('about a table that is not as it is read names what differs: %s', async (text, state, what) => {
    const error = await db.database.query({ text }).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 'tables_differ', retriable: false });
    expect(safeMessage(error)).toContain(state);
    expect(safeMessage(error)).toContain(what);
    expect(safeMessage(error)).not.toContain('\n');
  });

  it('about an own table that is missing names the command that creates it', async () => {
    await expect(db.database.query({ text: 'SELECT 1 FROM lastseen.no_such_table' })).rejects.toMatchObject({
      code: 'not_migrated',
      message: expect.stringContaining('lastseen migrate'),
    });
  });

  it('about a wrong message is a bug, which ends the process', async () => {
    const error = await db.database.query({ text: 'SELECT $1', values: ['a', 'b'] }).catch((each: unknown) => each);
    expect(error).toMatchObject({
      code: '08P01',
      message: expect.stringMatching(/bind message supplies 2 parameters/),
    });
    expect(isRetriable(error)).toBe(false);
  });
});

describe('an outage', () => {
  it.each(['query_wait_timeout', 'server conn crashed?', 'no more connections allowed (max_client_conn)'])(
    'is 08P01 of a pooler: %s',
    (message) => {
      const error = Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code: '08P01' });
      expect(translateError(error)).toMatchObject({ code: 'postgres_unavailable', retriable: true });
    },
  );

  const SLOW = { text: 'SELECT pg_sleep(5)' };
  it.each(['statement_timeout', 'transaction_timeout'])('is a statement that %s ends', async (name) => {
    const ended = db.database.transaction(async (tx) => {
      await tx.query({ text: `SET LOCAL ${name} = '100ms'` });
      await tx.query(SLOW);
    });
    await expect(ended).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
  });

  it.each(['idle_in_transaction_session_timeout', 'transaction_timeout'])(
    'is a transaction that %s ends while it waits for another system',
    async (name) => {
      const ended = db.database.transaction(async (tx) => {
        await tx.query({ text: `SET LOCAL ${name} = '100ms'` });
        await db.database.query({ text: 'SELECT pg_sleep(0.4)' });
        await tx.query({ text: 'SELECT 1' });
      });
      await expect(ended).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
    },
  );

  it('is a lock that is not available in time', async () => {
    const ended = db.database.transaction(async (holder) => {
      await holder.query({ text: 'LOCK TABLE guarded' });
      await db.database.transaction(async (tx) => {
        await tx.query({ text: `SET LOCAL lock_timeout = '100ms'` });
        await tx.query({ text: 'SELECT FROM guarded' });
      });
    });
    await expect(ended).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
  });

  it('is a statement that an operator cancels', async () => {
    const cancelled = db.database.session(async (session) => {
      const { rows } = await session.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
      const cancel = () =>
        db.database.query({ text: 'SELECT pg_sleep(0.2), pg_cancel_backend($1)', values: [rows[0]?.pid] });
      await Promise.all([session.query(SLOW), cancel()]);
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'postgres_unavailable', retriable: true });
  });

  it('is a server whose name does not resolve', async () => {
    const gone = openDatabase({ url: 'postgres://u:p@postgres.nowhere.invalid/x', applicationName: 'gone' });
    await expect(gone.query({ text: 'SELECT 1' })).rejects.toMatchObject({
      code: 'postgres_unavailable',
      retriable: true,
    });
    await gone.close();
  });

  it.each(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ENETDOWN'])('is %s of the network', (code) => {
    const error = Object.assign(new Error(`getaddrinfo ${code} postgres`), { code });
    expect(translateError(error)).toMatchObject({ code: 'postgres_unavailable', retriable: true });
  });
});
