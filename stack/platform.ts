import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Creates the platform's tables, and those that the connector needs, in an empty database. */
export async function applyPlatformSchema(databaseUrl: string): Promise<void> {
  const sql = await readFile(join(import.meta.dirname, 'platform', 'schema.sql'), 'utf8');
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
