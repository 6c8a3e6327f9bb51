import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { migrate } from '../../src/setup/migrations-store.ts';
import { partitioningSql, rolesSql } from '../../stack/roles.ts';

export interface FreshDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes `database` and drops it. Throws if another pool on it is still open. */
  close(): Promise<void>;
}

const PLATFORM_SCHEMA = new URL('../../stack/platform/schema.sql', import.meta.url);

/**
 * Creates a database with the platform's tables, all migrations and the rights of the roles. A test file opens it in
 * `beforeAll` and closes it in `afterAll`.
 *
 * @param server the server's URL; default: the server of the project's global setup.
 * @param special another prefix of the name, and a query for its URL.
 */
export async function freshDatabase(
  server?: string,
  special: { readonly prefix: string; readonly query: string } = { prefix: 'test_', query: '' },
): Promise<FreshDatabase> {
  // `inject` works in vitest only; faults and alerts pass the server.
  if (server === undefined) return create(inject('postgresUrl'), { ...special, partitions: inject('partitions') });
  return create(server, special);
}

async function create(
  server: string,
  special: { readonly prefix: string; readonly query: string; readonly partitions?: number | undefined },
): Promise<FreshDatabase> {
  const name = `${special.prefix}${randomBytes(6).toString('hex')}`;
  await onServer(server, (admin) => admin.query({ text: `CREATE DATABASE ${name}` }));
  const url = databaseUrl(server, name, special.query);
  const database = openDatabase({ url, applicationName: 'test' });
  await database.query({ text: await readFile(PLATFORM_SCHEMA, 'utf8') });
  await migrate(database, { log: () => {} });
  const { partitions } = special;
  await database.transaction(async (tx) => {
    if (partitions !== undefined) await tx.query({ text: partitioningSql(partitions) });
    await tx.query({ text: rolesSql() });
  });
  return {
    url,
    database,
    close: async () => {
      await database.close();
      await onServer(server, async (admin) => {
        const left = await connectionsLeft(admin, name);
        await admin.query({ text: `DROP DATABASE ${name} WITH (FORCE)` });
        if (left.length > 0) throw new Error(`connections were left open: ${left.join(', ')}`);
      });
    },
  };
}

function databaseUrl(server: string, name: string, query: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  url.search = query;
  return url.href;
}

async function onServer<T>(server: string, work: (admin: Database) => Promise<T>): Promise<T> {
  const admin = openDatabase({ url: server, applicationName: 'test-admin', maxConnections: 1 });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/**
 * Clients that are still connected; an autovacuum worker is none. Polls for up to two seconds, because the server
 * notices a closed connection later than its client.
 */
async function connectionsLeft(admin: Database, name: string): Promise<readonly string[]> {
  for (let attempt = 0; ; attempt++) {
    const { rows } = await admin.query<{ application_name: string }>({
      text: `SELECT application_name FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
      values: [name],
    });
    if (rows.length === 0 || attempt === 20) return rows.map((row) => row.application_name);
    await sleep(100);
  }
}
