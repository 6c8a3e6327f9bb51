import { createKafka, type KafkaClient } from '../kafka/client.ts';
import { type Database, openDatabase } from '../postgres/database.ts';
import { createRegistry, type Registry } from '../registry/client.ts';
import type { Settings } from '../runtime/settings.ts';
import type { CommandContext } from './process.ts';

/** The configuration has checked that it is there for commands that need Postgres. */
function databaseUrl(settings: Settings): string {
  return required(settings.DATABASE_URL, 'DATABASE_URL');
}

/** A handle on the cluster as it is configured. Connects to nothing yet. */
export function openKafka({ settings, log }: CommandContext): KafkaClient {
  return createKafka({
    brokers: required(settings.KAFKA_BROKERS, 'KAFKA_BROKERS'),
    clientId: settings.KAFKA_CLIENT_ID,
    log,
  });
}

export function openRegistry(settings: Settings): Registry {
  return createRegistry({
    url: required(settings.SCHEMA_REGISTRY_URL, 'SCHEMA_REGISTRY_URL'),
    timeoutMs: settings.SCHEMA_REGISTRY_TIMEOUT,
    negativeCacheMs: NEGATIVE_CACHE_MS,
  });
}

/** A schema may be registered a moment after its first record; asking for it at every record would be a flood. */
const NEGATIVE_CACHE_MS = 5_000;

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} is used by a command that does not say it needs it`);
  return value;
}

/** Opens the database with own tables, runs `work`, and closes it whatever happens. */
export async function withDatabase<T>(context: CommandContext, work: (database: Database) => Promise<T>): Promise<T> {
  const database = open(context, databaseUrl(context.settings));
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** The same for the database that learner data is read from. */
export async function withSourceDatabase<T>(
  context: CommandContext,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = open(context, context.settings.SOURCE_DATABASE_URL ?? databaseUrl(context.settings));
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function open({ log }: CommandContext, url: string): Database {
  return openDatabase({
    url,
    applicationName: 'lastseen',
    onIdleError: (error) => log.warn({ event: 'postgres_connection_lost', error: error.message }, 'connection lost'),
  });
}
