import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { tryWithLock, withLock } from '../../src/postgres/locks.ts';
import { startProxy } from '../faults/proxy.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({ text: 'CREATE TABLE done (what text)' });
});
afterAll(() => db.close());
beforeEach(() => db.database.query({ text: 'TRUNCATE done' }));

const done = async (what: string) => db.database.query({ text: 'INSERT INTO done VALUES ($1)', values: [what] });
const all = async () =>
  (await db.database.query<{ what: string }>({ text: 'SELECT what FROM done ORDER BY 1' })).rows.map(
    ({ what }) => what,
  );
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ends the session that holds an advisory lock in this database. */
async function endHolder(): Promise<void> {
  await db.database.query({
    text: `SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_locks
      WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  });
  await pause(50);
}

const LOST = { code: 'lock_lost', message: expect.stringMatching(/lock of the sweep was lost/) };

describe('work under a lock', () => {
  it('is stopped at its next statement if the connection of the lock ends', async () => {
    const work = withLock(db.database, 'sweep', async () => {
      await done('before');
      await endHolder();
      await done('after');
    });
    await expect(work).rejects.toMatchObject(LOST);
    expect(await all()).toEqual(['before']);
  });

  it('is not committed if the lock is lost within its transaction', async () => {
    const work = withLock(db.database, 'sweep', () =>
      db.database.transaction(async (tx) => {
        await tx.query({ text: `INSERT INTO done VALUES ('within')` });
        await endHolder();
      }),
    );
    await expect(work).rejects.toMatchObject(LOST);
    expect(await all()).toEqual([]);
    await expect(tryWithLock(db.database, 'sweep', async () => 'next')).resolves.toBe('next');
  });

  it('is stopped also by the loss of an outer lock', async () => {
    const work = withLock(db.database, 'sweep', async () => {
      const { rows } = await db.database.query<{ pid: number }>({
        text: `SELECT pid FROM pg_locks WHERE locktype = 'advisory'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      });
      await withLock(db.database, 'inactivity_relay', async () => {
        await db.database.query({ text: 'SELECT pg_terminate_backend($1, 5000)', values: [rows[0]?.pid] });
        await pause(50);
        await done('inner');
      });
    });
    await expect(work).rejects.toMatchObject(LOST);
    expect(await all()).toEqual([]);
  });

  it('is stopped if the network of the lock is silent', async () => {
    const proxy = await startProxy(Number(new URL(db.url).port));
    const url = Object.assign(new URL(db.url), { port: String(proxy.port) }).href;
    const remote = openDatabase({ url, applicationName: 'remote' });
    try {
      const work = tryWithLock(
        remote,
        'sweep',
        async () => {
          proxy.cut('silence');
          await pause(500);
          await done('after');
        },
        { everyMs: 50, timeoutMs: 100 },
      );
      await expect(work).rejects.toMatchObject(LOST);
      expect(await all()).toEqual([]);
    } finally {
      proxy.restore();
      await remote.close();
      await proxy.close();
    }
  });

  it('does not stop other work of the process', async () => {
    const lost = withLock(db.database, 'sweep', async () => {
      await endHolder();
      await done('locked');
    });
    const other = (async () => {
      await pause(200);
      await done('other');
    })();
    await expect(lost).rejects.toMatchObject(LOST);
    await other;
    expect(await all()).toEqual(['other']);
  });
});
