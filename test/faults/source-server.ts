import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { single } from '../../src/runtime/must.ts';
import type { RunningStack } from '../../stack/stack.ts';

/** Replaces the server of the source with a promoted standby: it has all rows, a new timeline, and none of the slots. */
export async function promoteWithoutSlots(stack: RunningStack, database: Database): Promise<void> {
  const data = await dataDirectory(database);
  await stack.killPart('postgres');
  const slots = join(data, 'pg_replslot');
  for (const slot of readdirSync(slots)) rmSync(join(slots, slot), { recursive: true });
  const signal = join(data, 'standby.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(data);
  chownSync(signal, uid, gid);
  await stack.startPart('postgres');
  const standby = openDatabase({ url: stack.addresses.databaseUrl, applicationName: 'promotion', maxConnections: 1 });
  try {
    const { rows } = await standby.query<{ promoted: boolean }>({ text: 'SELECT pg_promote() AS promoted' });
    if (!single(rows, 'a SELECT without FROM returns one row').promoted)
      throw new Error('the standby was not promoted');
  } finally {
    await standby.close();
  }
}

/** A copy of the server's data at one moment, with its slots, like a snapshot of the volume. */
export interface SourceCopy {
  /** The server continues from the copy. Can be called once. */
  restore(): Promise<void>;
}

export async function copySource(stack: RunningStack, database: Database): Promise<SourceCopy> {
  const data = await dataDirectory(database);
  const copy = `${data}-earlier`;
  await stack.killPart('postgres');
  execFileSync('cp', ['-a', data, copy]);
  await stack.startPart('postgres');
  return {
    async restore() {
      await stack.killPart('postgres');
      rmSync(data, { recursive: true });
      renameSync(copy, data);
      await stack.startPart('postgres');
    },
  };
}

async function dataDirectory(database: Database): Promise<string> {
  const { rows } = await database.query<{ data_directory: string }>({ text: 'SHOW data_directory' });
  return single(rows, 'SHOW returns one row').data_directory;
}
