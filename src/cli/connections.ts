import type { SettingName, Settings } from '../config/settings.ts';
import { type BrokerLogin, type BrokerTls, createKafka, type KafkaClient } from '../kafka/client/client.ts';
import { type Database, type DatabaseOptions, openDatabase } from '../postgres/database.ts';
import { createRegistry, type Registry } from '../registry/client.ts';
import type { RegistryLogin } from '../registry/requests.ts';
import { readPemFile, requireFitting } from '../runtime/pem-file.ts';
import { withAbort } from '../runtime/timeouts.ts';
import type { CommandContext } from './run-command.ts';

/** The configuration has checked that it is there for commands that need Postgres. */
function databaseUrl(settings: Settings): string {
  return required(settings.DATABASE_URL, 'DATABASE_URL');
}

/** A handle on the cluster as it is configured. Connects to nothing yet. */
export function openKafka({ settings, log, metrics }: CommandContext, retries?: number): KafkaClient {
  return createKafka({
    brokers: required(settings.KAFKA_BROKERS, 'KAFKA_BROKERS'),
    clientId: settings.KAFKA_CLIENT_ID,
    tls: settings.KAFKA_SSL_ENABLED ? brokerTls(settings) : undefined,
    sasl: brokerLogin(settings),
    retries,
    log,
    onConnecting: () => metrics.kafkaConnections.inc(),
  });
}

function brokerTls(settings: Settings): BrokerTls {
  const tls = {
    ca: pem(settings, 'KAFKA_SSL_CA_FILE'),
    cert: pem(settings, 'KAFKA_SSL_CERT_FILE'),
    key: pem(settings, 'KAFKA_SSL_KEY_FILE'),
    passphrase: settings.KAFKA_SSL_KEY_PASSPHRASE,
  };
  requireFitting('KAFKA_SSL_CERT_FILE, KAFKA_SSL_KEY_FILE and KAFKA_SSL_KEY_PASSPHRASE', tls);
  return tls;
}

function brokerLogin({ KAFKA_SASL_MECHANISM, ...settings }: Settings): BrokerLogin | undefined {
  if (KAFKA_SASL_MECHANISM === undefined) return undefined;
  return {
    mechanism: KAFKA_SASL_MECHANISM,
    username: required(settings.KAFKA_SASL_USERNAME, 'KAFKA_SASL_USERNAME'),
    password: required(settings.KAFKA_SASL_PASSWORD, 'KAFKA_SASL_PASSWORD'),
  };
}

export function openRegistry(settings: Settings): Registry {
  return createRegistry({
    url: required(settings.SCHEMA_REGISTRY_URL, 'SCHEMA_REGISTRY_URL'),
    timeoutMs: settings.SCHEMA_REGISTRY_TIMEOUT,
    negativeCacheMs: NEGATIVE_CACHE_MS,
    ca: pem(settings, 'SCHEMA_REGISTRY_CA_FILE'),
    login: registryLogin(settings),
  });
}

function registryLogin(settings: Settings): RegistryLogin | undefined {
  const { SCHEMA_REGISTRY_TOKEN: token, SCHEMA_REGISTRY_USERNAME: username } = settings;
  if (token !== undefined) return { kind: 'bearer', token };
  if (username === undefined) return undefined;
  return {
    kind: 'basic',
    username,
    password: required(settings.SCHEMA_REGISTRY_PASSWORD, 'SCHEMA_REGISTRY_PASSWORD'),
  };
}

/** A schema may be registered a moment after its first record; asking for it at every record would be a flood. */
const NEGATIVE_CACHE_MS = 5_000;

/** The text of the PEM file that the setting names. */
function pem(settings: Settings, name: SettingName & `${string}_FILE`): string | undefined {
  const path = settings[name];
  return path === undefined ? undefined : readPemFile(name, path);
}

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
    await untilShutdownDeadline(context, database.close());
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
    await untilShutdownDeadline(context, database.close());
  }
}

/** The database with own tables for short questions beside the work: on one connection, none waits for long. */
export async function withProbeDatabase<T>(
  context: CommandContext,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const limits = { maxConnections: 1, connectTimeoutMs: PROBE_TIMEOUT_MS, statementTimeoutMs: PROBE_TIMEOUT_MS };
  const database = open(context, databaseUrl(context.settings), limits);
  try {
    return await work(database);
  } finally {
    await untilShutdownDeadline(context, database.close());
  }
}

const PROBE_TIMEOUT_MS = 2_000;

function open({ log, metrics }: CommandContext, url: string, limits: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    applicationName: 'lastseen',
    onConnected: () => metrics.postgresConnections.inc(),
    onIdleError: (error) => {
      metrics.connectionsLost.inc();
      log.warn({ event: 'postgres_connection_lost', error: error.message }, 'connection lost');
    },
    ...limits,
  });
}

/** Waits for something to close, unless the time to end in is over: what hangs in an outage is left to the exit. */
export function untilShutdownDeadline({ shutdownDeadline }: CommandContext, closing: Promise<void>): Promise<void> {
  return withAbort(shutdownDeadline, closing).catch((error) => {
    if (!shutdownDeadline.aborted) throw error;
  });
}
