import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import type { Database, Queryable } from '../postgres/database.ts';
import { translateError } from '../postgres/failures.ts';
import { LastseenError } from '../runtime/errors.ts';

const DIRECTORY = join(import.meta.dirname, '../../migrations');

export interface MigrateOptions {
  /** Told what is run, a line at a time. */
  readonly log: (line: string) => void;
}

/**
 * Brings the schema `lastseen` up to date: makes it where it is missing, and runs those of `migrations/*.sql` that have
 * not been run, in order and in one transaction. Several at once wait for one another (advisory lock, a database).
 *
 * @returns the names that were applied; none when there was nothing to do
 */
export function migrate(database: Database, options: MigrateOptions): Promise<readonly string[]> {
  return database.session(async (session) => {
    const exists = await hasOwnSchema(session);
    try {
      const applied = await runner({
        dbClient: session.client,
        dir: DIRECTORY,
        ignorePattern: '(\\..*|(?!.*\\.sql$).*)',
        direction: 'up',
        migrationsTable: 'migration',
        migrationsSchema: 'lastseen',
        // Asked for only where needed: Postgres checks the right to create schemas even where IF NOT EXISTS has nothing
        // to do, and a role that owns the schema need not have it.
        createMigrationsSchema: !exists,
        singleTransaction: true,
        advisoryLockMode: 'wait',
        // What it says of an error quotes the error, which is thrown besides.
        log: (line) => line.startsWith('Error') || options.log(line),
      });
      return applied.map((migration) => migration.name);
    } catch (error) {
      throw translateError(error);
    }
  });
}

async function hasOwnSchema(on: Queryable): Promise<boolean> {
  const { rows } = await on.query<{ exists: boolean }>({
    text: `SELECT to_regnamespace('lastseen') IS NOT NULL AS exists`,
  });
  return rows[0]?.exists === true;
}

export interface MigrationNames {
  readonly applied: readonly string[];
  /** Of this release. */
  readonly known: readonly string[];
}

/** @throws LastseenError `not_migrated` where none was ever run. */
export async function readMigrations(db: Queryable): Promise<MigrationNames> {
  const { rows } = await db.query<{ name: string }>({ text: 'SELECT name FROM lastseen.migration ORDER BY name' });
  const files = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql'));
  return { applied: rows.map(({ name }) => name), known: files.map((name) => name.slice(0, -'.sql'.length)).sort() };
}

/**
 * Holds the own tables against those that this release is written for.
 *
 * @returns the names of migrations that only a newer release knows; its tables serve this one too
 * @throws LastseenError `not_migrated` where they are older, or where this role may not see it yet: both end once
 *   `lastseen migrate` and the grants of the release have been run.
 */
export async function requireMigrated(db: Queryable): Promise<readonly string[]> {
  // Asked of the catalog, which every role may read: a role that may not read the table has not been granted it yet.
  const { rows } = await db.query<{ readable: boolean }>({
    text: `
SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'lastseen' AND c.relname = 'migration'`,
  });
  if (rows[0] === undefined) throw notMigrated('own tables are missing: run `lastseen migrate`');
  if (!rows[0].readable) {
    throw notMigrated(
      'this role may not read lastseen.migration: run `lastseen migrate`, then k8s/postgres/roles.sql of this release',
    );
  }
  const { applied, known } = await readMigrations(db);
  const pending = known.filter((name) => !applied.includes(name));
  if (pending.length > 0) {
    throw notMigrated(`own tables are older than this release (${pending.join(', ')}): run \`lastseen migrate\``);
  }
  return applied.filter((name) => !known.includes(name));
}

const notMigrated = (message: string) => new LastseenError('not_migrated', message);
