import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import type { Database, Queryable } from '../postgres/database.ts';
import { translateError } from '../postgres/failures.ts';
import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';

const DIRECTORY = join(import.meta.dirname, '../../migrations');

export interface MigrateOptions {
  /** Called with each line that the migration tool logs. */
  readonly log: (line: string) => void;
}

/**
 * Creates the schema `lastseen` if it is missing, and applies the pending files of `migrations/*.sql` in order and in one
 * transaction. Concurrent runs on one database wait for each other (advisory lock).
 *
 * @returns the names of the applied migrations
 */
export function migrate(database: Database, options: MigrateOptions): Promise<readonly string[]> {
  return database.session(async (session) => {
    const exists = await requireRights(session);
    try {
      const applied = await runner({
        dbClient: session.client,
        dir: DIRECTORY,
        ignorePattern: '(\\..*|(?!.*\\.sql$).*)',
        direction: 'up',
        migrationsTable: 'migration',
        migrationsSchema: 'lastseen',
        // Only if it is missing: CREATE SCHEMA IF NOT EXISTS needs the right to create schemas also if it does nothing,
        // and a role that owns the schema need not have that right.
        createMigrationsSchema: !exists,
        singleTransaction: true,
        advisoryLockMode: 'wait',
        // Lines about an error repeat the error, which is thrown anyway.
        log: (line) => line.startsWith('Error') || options.log(line),
      });
      return applied.map((migration) => migration.name);
    } catch (error) {
      // A missing right, such as that of the owner of a table.
      if ((error as { code?: unknown }).code === '42501') throw notAllowed((error as Error).message);
      throw translateError(error);
    }
  });
}

/**
 * Whether the schema exists. The migration tool reports a missing right as an unknown error.
 *
 * @throws LastseenError `postgres_refused`
 */
async function requireRights(on: Queryable): Promise<boolean> {
  const { rows } = await on.query<{ role: string; exists: boolean; isAllowed: boolean }>({
    text: `
SELECT current_user AS role, n.oid IS NOT NULL AS exists,
  CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
    ELSE has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')
      AND coalesce(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT'), true)
  END AS "isAllowed"
FROM (VALUES (1)) AS one
LEFT JOIN pg_namespace n ON n.nspname = 'lastseen'
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'migration'`,
  });
  const { role, exists, isAllowed } = single(rows, 'at most one schema has a name');
  if (isAllowed) return exists;
  throw notAllowed(
    exists
      ? `role ${role} may not create and change tables in the schema lastseen`
      : `role ${role} may not create the schema lastseen`,
  );
}

function notAllowed(why: string): LastseenError {
  return new LastseenError(
    'postgres_refused',
    `${why}: run \`lastseen migrate\` as the owner of the schema, or of the database if the schema does not exist`,
  );
}

export interface MigrationNames {
  readonly applied: readonly string[];
  /** The migrations of this release. */
  readonly known: readonly string[];
}

/** @throws LastseenError `not_migrated` if no migration was ever applied */
export async function readMigrations(db: Queryable): Promise<MigrationNames> {
  const { rows } = await db.query<{ name: string }>({ text: 'SELECT name FROM lastseen.migration ORDER BY name' });
  const files = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql'));
  return { applied: rows.map(({ name }) => name), known: files.map((name) => name.slice(0, -'.sql'.length)).sort() };
}

/** The tables that applied migrations of this release have created, and that do not exist any more. */
export async function missingOwnTables(db: Queryable, { applied, known }: MigrationNames): Promise<readonly string[]> {
  const texts = await Promise.all(
    known.filter((name) => applied.includes(name)).map((name) => readFile(join(DIRECTORY, `${name}.sql`), 'utf8')),
  );
  const created = texts.flatMap((text) => [...text.matchAll(/^CREATE (?:UNLOGGED )?TABLE (lastseen\.\w+)/gm)]);
  const { rows } = await db.query<{ name: string }>({
    text: 'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name',
    values: [created.map(([, name]) => name)],
  });
  return rows.map(({ name }) => name);
}

/**
 * Compares the applied migrations with those of this release.
 *
 * @returns the applied migrations of newer releases, whose tables also serve this one
 * @throws LastseenError `not_migrated` if a migration of this release is pending, or this role may not read the list of
 *   migrations yet: `lastseen migrate` and then the grants of the release resolve both
 */
export async function requireMigrated(db: Queryable): Promise<readonly string[]> {
  // Read from the catalog, which every role may read.
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
