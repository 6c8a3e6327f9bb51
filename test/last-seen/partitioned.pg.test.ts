import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { digestLastSeen } from '../../src/last-seen/digest-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { migrate } from '../../src/setup/migrations-store.ts';
import { asRole, partitioningSql, rolesSql } from '../../stack/roles.ts';
import { upPart } from '../migrations/contractions.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { waitFor } from '../support/waiting.ts';

const PARTITIONS = 7;
const AT = must(parseInstant('2026-03-15T23:59:59.999999Z'), 'the text is an instant');
const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** Tests how the table is partitioned; the project `partitioned` runs the statements on such a table. */
describe('partitioning the table of last seen', () => {
  let db: FreshDatabase;
  beforeAll(async () => {
    db = await freshDatabase();
    const fold = createFold();
    for (let n = 0; n < 1_000; n++) {
      const userId = `learner ${n}`;
      const source = must(SOURCES[n % SOURCES.length], 'there are sources');
      fold.add({ studentId: studentIdOf(userId), userId: n % 9 === 0 ? null : userId, source, at: AT + BigInt(n) });
    }
    await db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
  });
  afterAll(() => db.close());

  const partition = (database: Database) =>
    database.transaction((tx) => tx.query({ text: `${partitioningSql(PARTITIONS)};${rolesSql()}` }));

  it('changes nothing if another object depends on the table', async () => {
    const before = await shapeOf(db.database);
    await db.database.query({ text: 'CREATE VIEW public.seen AS SELECT * FROM lastseen.user_last_seen' });
    await expect(partition(db.database)).rejects.toMatchObject({ code: '2BP01' });
    await db.database.query({ text: 'DROP VIEW public.seen' });
    expect(await shapeOf(db.database)).toEqual(before);
  });

  it('keeps rows, columns, indexes, storage settings, owner and privileges, and distributes the rows', async () => {
    const before = { shape: await shapeOf(db.database), digest: await digestLastSeen(db.database) };
    const [ordinary] = await tablesOf(db.database);
    await partition(db.database);
    expect({ shape: await shapeOf(db.database), digest: await digestLastSeen(db.database) }).toEqual(before);
    const tables = await tablesOf(db.database);
    expect(tables).toHaveLength(PARTITIONS);
    expect(ordinary?.storage).toContain('fillfactor=70');
    for (const { rows, storage, owner } of tables) {
      expect(rows).toBeGreaterThan(50n);
      expect({ storage, owner }).toEqual({ storage: ordinary?.storage, owner: ordinary?.owner });
    }
  });

  it('blocks a concurrent writer, which then continues with the same prepared statement and loses nothing', async () => {
    const other = await freshDatabase();
    const track = openDatabase({ url: asRole(other.url, 'track'), applicationName: 'track', maxConnections: 1 });
    try {
      let raised = 0;
      let partitioned = false;
      const raise = async (userId: string) => {
        const fold = createFold();
        fold.add({ studentId: studentIdOf(userId), userId, source: 'session', at: AT });
        raised += await track.transaction((tx) => raiseLastSeen(tx, fold.columns()));
      };
      const writing = (async () => {
        for (let n = 0; !partitioned || n < 40; n++) await raise(`learner ${n}`);
        await raise('after');
      })();
      await waitFor('ten learners are raised', async () => raised >= 10, 10_000);
      await partition(other.database);
      partitioned = true;
      await writing;
      expect((await digestLastSeen(other.database)).learners).toBe(BigInt(raised));
      expect(await tablesOf(other.database)).toHaveLength(PARTITIONS);
    } finally {
      await track.close();
      await other.close();
    }
  });

  it('fails the second time', async () => {
    await expect(partition(db.database)).rejects.toThrow('P0001');
  });

  it('gives the same tables if it runs right after the migration that creates the table', async () => {
    const first = must((await readdir(MIGRATIONS)).sort()[0], 'there are migrations');
    const early = await freshDatabase();
    try {
      for (const text of [
        'ALTER TABLE lastseen.migration SET SCHEMA public',
        'DROP SCHEMA lastseen CASCADE',
        'CREATE SCHEMA lastseen AUTHORIZATION lastseen_migrate',
        'ALTER TABLE public.migration SET SCHEMA lastseen',
        `DELETE FROM lastseen.migration WHERE name <> '${first.replace('.sql', '')}'`,
        upPart(await readFile(new URL(first, MIGRATIONS), 'utf8')),
      ]) {
        await early.database.query({ text });
      }
      await early.database.transaction((tx) => tx.query({ text: partitioningSql(PARTITIONS) }));
      expect(await migrate(early.database, { log: () => {} })).not.toEqual([]);
      await early.database.query({ text: rolesSql() });
      expect(await shapeOf(early.database)).toEqual(await shapeOf(db.database));
      expect(await tablesOf(early.database)).toHaveLength(PARTITIONS);
    } finally {
      await early.close();
    }
  });
});

/** All own tables with their columns, indexes and privileges, without partitions. */
async function shapeOf(database: Database): Promise<readonly unknown[]> {
  const { rows } = await database.query({
    text: `
SELECT c.relname, c.relowner::regrole::text, c.relacl::text, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
  a.attgenerated, a.attcollation::regcollation::text, a.attacl::text, pg_get_expr(d.adbin, d.adrelid) AS expression
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE c.relnamespace = 'lastseen'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname, a.attnum`,
  });
  const { rows: indexes } = await database.query<{ definition: string }>({
    text: `
SELECT replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON ') AS definition
FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid
WHERE i.relnamespace = 'lastseen'::regnamespace AND NOT i.relispartition ORDER BY 1`,
  });
  return [...rows, ...indexes];
}

/** The tables that store rows of last seen. */
async function tablesOf(database: Database) {
  const { rows } = await database.query<{ rows: bigint; storage: string[]; owner: string }>({
    text: `
SELECT reloptions AS storage, relowner::regrole::text AS owner,
  (SELECT count(*) FROM lastseen.user_last_seen t WHERE t.tableoid = c.oid) AS rows
FROM pg_class c
WHERE relnamespace = 'lastseen'::regnamespace AND relname ~ '^user_last_seen(_\\d+)?$' AND relkind = 'r'`,
  });
  return rows;
}
