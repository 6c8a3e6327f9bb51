import { withDatabase } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import type { Settings } from '../config/settings.ts';
import type { Database } from '../postgres/database.ts';
import { OWN_SCHEMAS, type OwnSchemaFile, readOwnSchemas } from '../registry/own-schemas.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { requireMigrated } from './migrations-store.ts';

/** @throws LastseenError `not_migrated` if own tables are older than this release */
export async function requireOwnTables({ log }: CommandContext, database: Database): Promise<void> {
  const newer = await requireMigrated(database);
  if (newer.length > 0)
    log.info({ event: 'newer_migrations_found', migrations: newer }, 'own tables belong to a newer release');
}

/** Why own tables cannot be read, for commands that can do without; undefined if they can. */
export async function missingOwnTables(context: CommandContext, database: Database): Promise<string | undefined> {
  try {
    await requireOwnTables(context, database);
    return undefined;
  } catch (error) {
    if (error instanceof LastseenError && error.code === 'not_migrated') return error.message;
    throw error;
  }
}

/** Opens the database of own tables, checks that they are of this release or newer, runs `work`, and closes it. */
export function withOwnTables<T>(context: CommandContext, work: (database: Database) => Promise<T>): Promise<T> {
  return withDatabase(context, async (database) => {
    await requireOwnTables(context, database);
    return work(database);
  });
}

/** Own schemas with the configured topics; a schema file is named after the default name of its topic. */
export async function ownSchemas(settings: Settings): Promise<OwnSchemaFile[]> {
  const configured = new Map<string, string>([
    [OWN_SCHEMAS.inactivity, settings.INACTIVITY_TOPIC],
    [OWN_SCHEMAS.kpiUpdated, settings.KPI_UPDATED_TOPIC],
  ]);
  return (await readOwnSchemas()).map(({ topic, schema }) => ({
    topic: must(configured.get(topic), `a setting names the topic of schema ${topic}`),
    schema,
  }));
}
