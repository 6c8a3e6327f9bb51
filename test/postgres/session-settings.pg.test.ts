import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const SAMPLE = `
SELECT timestamptz '2026-03-16 05:00:00.123456Z' AS at, timestamp '2026-03-16 05:00'::timestamptz AS zoneless,
  date '2026-03-16' AS day, 0.1::float8 + 0.2 AS sum, '\\x00ff'::bytea AS bytes, interval '1 day 2 hours' AS length,
  '{NULL}'::text[] AS list, 'a\\b' AS text, 'é' AS letter`;

const SAMPLE_VALUES = {
  at: 1_773_637_200_123_456n,
  zoneless: 1_773_637_200_000_000n,
  day: '2026-03-16',
  sum: 0.1 + 0.2,
  bytes: Buffer.from([0, 255]),
  length: { days: 1, hours: 2 },
  list: [null],
  text: 'a\\b',
  letter: 'é',
};

async function withSettings(
  settings: Readonly<Record<string, string>>,
  query: string,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const name = new URL(db.url).pathname.slice(1);
  for (const [setting, value] of Object.entries(settings))
    await db.database.query({ text: `ALTER DATABASE ${name} SET ${setting} = ${value}` });
  const database = openDatabase({ url: `${db.url}${query}`, applicationName: 'settings', maxConnections: 2 });
  try {
    await work(database);
  } finally {
    await database.close();
    await db.database.query({ text: `ALTER DATABASE ${name} RESET ALL` });
  }
}

describe('a session', () => {
  it.each([
    ['datestyle of the database', { datestyle: 'German' }, ''],
    ['order of dates of the database', { datestyle: `'SQL, DMY'` }, ''],
    [
      'time zone of the database, with options in the URL',
      { timezone: `'Asia/Seoul'` },
      '?options=-c%20search_path%3Dpublic',
    ],
    [
      'options in the URL',
      {},
      '?options=-c%20datestyle%3DGerman%20-c%20timezone%3DAsia/Seoul%20-c%20bytea_output%3Descape',
    ],
    [
      'output settings of the database',
      {
        intervalstyle: 'iso_8601',
        extra_float_digits: '-15',
        bytea_output: 'escape',
        standard_conforming_strings: 'off',
      },
      '',
    ],
    ['array_nulls of the database', { array_nulls: 'off', client_encoding: 'LATIN1' }, ''],
  ])('reads the same values with another %s', async (_, settings, query) => {
    await withSettings(settings, query, async (database) => {
      const { rows } = await database.query({ text: SAMPLE });
      expect(rows).toEqual([SAMPLE_VALUES]);
    });
  });

  it('keeps the options of the URL that are not ours', async () => {
    await withSettings({}, '?options=-c%20search_path%3Dlastseen', async (database) => {
      const { rows } = await database.query({ text: `SELECT current_setting('search_path') AS path` });
      expect(rows).toEqual([{ path: 'lastseen' }]);
    });
  });

  it('is not limited by the timeouts of the database', async () => {
    const limits = ['statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout'];
    const settings = Object.fromEntries([...limits, 'idle_session_timeout'].map((name) => [name, `'200ms'`]));
    await withSettings(settings, '', async (database) => {
      const slow = { text: 'SELECT pg_sleep(0.5)' };
      await expect(database.query(slow)).resolves.toBeDefined();
      const idle = database.transaction(async (tx) => {
        await tx.query({ text: 'SELECT 1' });
        await db.database.query(slow);
        return tx.query({ text: 'SELECT 2 AS n' });
      });
      await expect(idle).resolves.toMatchObject({ rows: [{ n: 2 }] });
      const waiting = db.database.transaction(async (tx) => {
        await tx.query({ text: 'LOCK TABLE lastseen.user_last_seen' });
        const blocked = database.query({ text: 'SELECT count(*) FROM lastseen.user_last_seen' });
        await tx.query(slow);
        return { blocked };
      });
      await expect((await waiting).blocked).resolves.toBeDefined();
    });
  });

  it('reads infinity as an instant after all others, and years before Christ as Postgres counts them', async () => {
    const { rows } = await db.database.query<{ at: bigint }>({
      text: `SELECT unnest('{infinity, -infinity, 0044-03-15 00:00:00Z BC}'::timestamptz[]) AS at`,
    });
    const caesar = await db.database.query<{ micros: bigint }>({
      text: `SELECT (extract(epoch FROM timestamptz '0044-03-15 00:00:00Z BC') * 1000000)::int8 AS micros`,
    });
    expect(rows.map(({ at }) => at)).toEqual([2n ** 63n - 1n, -(2n ** 63n), caesar.rows[0]?.micros]);
  });

  it.each(['timestamptz', 'date'])('throws on a %s that is not ISO text, before anything is decided', async (type) => {
    await db.database.query({ text: 'CREATE TABLE IF NOT EXISTS decided (n int)' });
    const deciding = db.database.transaction(async (tx) => {
      await tx.query({ text: `SET LOCAL datestyle = 'German'` });
      await tx.query({ text: `INSERT INTO decided VALUES (1) RETURNING now()::${type}` });
    });
    await expect(deciding).rejects.toThrow(`returned a ${type} that is not ISO text`);
    expect((await db.database.query({ text: 'SELECT FROM decided' })).count).toBe(0);
  });
});
