import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { safeMessage } from '../../src/runtime/errors.ts';
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
    const error = await db.database.query({ text: 'SELECT no_such FROM guarded' }).catch((each: unknown) => each);
    expect(safeMessage(error)).toBe('Postgres: column "no_such" does not exist (SQLSTATE 42703)');
  });
});
