import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { migrate } from '../../src/setup/migrations-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

describe('migrate', () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
  });
  afterAll(() => fresh.close());

  const ownTables = async () =>
    (
      await fresh.database.query<{ table_name: string }>({
        text: `SELECT table_name FROM information_schema.tables WHERE table_schema = 'lastseen' ORDER BY 1`,
      })
    ).rows.map((row) => row.table_name);

  it('applies every file once, in order, and returns their names', async () => {
    const files = (await readdir(new URL('../../migrations', import.meta.url))).filter((file) => file.endsWith('.sql'));
    await fresh.database.query({ text: 'DROP SCHEMA lastseen CASCADE' });
    const applied = await migrate(fresh.database, { log: () => {} });
    expect(applied).toEqual(files.sort().map((file) => file.replace('.sql', '')));
    expect(await ownTables()).toContain('user_last_seen');
    expect(await migrate(fresh.database, { log: () => {} })).toEqual([]);
  });

  it('applies each file once when three processes run it concurrently', async () => {
    await fresh.database.query({ text: 'DROP SCHEMA lastseen CASCADE' });
    const runs = await Promise.all([1, 2, 3].map(() => migrate(fresh.database, { log: () => {} })));
    expect(runs.filter((applied) => applied.length > 0)).toHaveLength(1);
    expect(await ownTables()).toContain('kpi_ledger');
  });

  /** Runs `migrate` as a role with these rights only. */
  async function migrateAsRole(rights: string): Promise<readonly string[]> {
    await fresh.database.query({ text: `CREATE ROLE migrator LOGIN PASSWORD 'migrator'; ${rights}` });
    const url = new URL(fresh.url);
    url.username = 'migrator';
    url.password = 'migrator';
    const database = openDatabase({ url: url.href, applicationName: 'migrator' });
    try {
      return await migrate(database, { log: () => {} });
    } finally {
      await database.close();
      await fresh.database.query({ text: 'DROP OWNED BY migrator CASCADE; DROP ROLE migrator' });
    }
  }

  it('needs no right to create schemas if the schema exists', async () => {
    await fresh.database.query({ text: 'DROP SCHEMA lastseen CASCADE' });
    expect(await migrateAsRole('CREATE SCHEMA lastseen AUTHORIZATION migrator')).not.toEqual([]);
  });

  it('names a missing right, and who has it', async () => {
    const refused = async (rights: string, message: string) =>
      await expect(migrateAsRole(rights)).rejects.toMatchObject({
        code: 'postgres_refused',
        message: expect.stringMatching(`${message}.*lastseen migrate.*owner`),
      });
    await fresh.database.query({ text: 'DROP SCHEMA IF EXISTS lastseen CASCADE' });
    await refused('', 'migrator may not create the schema');
    await migrate(fresh.database, { log: () => {} });
    await refused('', 'migrator may not create and change tables');
    const inSchema = 'GRANT USAGE, CREATE ON SCHEMA lastseen TO migrator;';
    await refused(inSchema, 'migrator may not create and change tables');
    const pending = `DELETE FROM lastseen.migration WHERE name >= '0010'`;
    const inList = 'GRANT ALL ON lastseen.migration TO migrator;';
    await refused(`${pending}; ${inSchema} ${inList}`, 'must be owner of table track_progress');
  });
});
