import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { tryWithLock } from '../../src/postgres/locks.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { type PgBouncer, pgBouncerMissing, removePgBouncer, startPgBouncer } from '../support/pgbouncer.ts';

const missing = pgBouncerMissing();
let db: FreshDatabase;
let pooler: PgBouncer | undefined;
const opened: Database[] = [];
beforeAll(async () => {
  db = await freshDatabase();
});
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  await pooler?.stop();
  pooler = undefined;
});
afterAll(async () => {
  removePgBouncer();
  await db.close();
});

async function through(mode: 'session' | 'transaction', query = ''): Promise<Database> {
  pooler ??= await startPgBouncer(db.url, mode);
  const database = openDatabase({ url: `${pooler.url}${query}`, applicationName: 'pooled' });
  opened.push(database);
  return database;
}

const REFUSED = {
  code: 'postgres_refused',
  retriable: false,
  message: expect.stringMatching(/^the Postgres URL leads to a pooler in transaction mode, .*: use the address of .*$/),
};

describe.skipIf(missing !== undefined)(`a pooler${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('in transaction mode is refused with one line, and keeps its sessions as they are', async () => {
    const database = await through('transaction');
    await expect(database.query({ text: 'SELECT 1' })).rejects.toMatchObject(REFUSED);
    await expect(tryWithLock(database, 'sweep', async () => 'ran')).rejects.toMatchObject(REFUSED);
    const { rows } = await db.database.query<{ count: bigint }>({
      text: `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%set_config%'
        AND application_name <> 'test'`,
    });
    expect(rows).toEqual([{ count: 0n }]);
  });

  it('in transaction mode is refused also while other clients use it', async () => {
    const database = await through('transaction');
    const others = Array.from({ length: 6 }, () => new pg.Client({ connectionString: pooler?.url ?? '' }));
    for (const other of others) await other.connect();
    let ended = false;
    const busy = others.map(async (other) => {
      while (!ended) await other.query('SELECT pg_sleep(0.001)');
    });
    await expect(database.query({ text: 'SELECT 1' })).rejects.toMatchObject(REFUSED);
    ended = true;
    await Promise.all(busy);
    for (const other of others) await other.end();
  });

  it('in session mode works, with our settings and locks', async () => {
    const database = await through('session');
    const { rows } = await database.query({ text: `SELECT current_setting('TimeZone') AS zone, now() AS at` });
    expect(rows).toEqual([{ zone: 'UTC', at: expect.any(BigInt) }]);
    const other = await through('session');
    const both = await tryWithLock(database, 'sweep', () => tryWithLock(other, 'sweep', async () => 'second'));
    expect(both).toBeUndefined();
  });

  it('that refuses the options of the URL is not waited for', async () => {
    const database = await through('session', '?options=-c%20search_path%3Dpublic');
    await expect(database.query({ text: 'SELECT 1' })).rejects.toMatchObject({
      code: 'postgres_refused',
      message: expect.stringMatching(/pooler refuses the connection: unsupported startup parameter: options/),
    });
  });
});
