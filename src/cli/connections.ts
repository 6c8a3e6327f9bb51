import type { SettingName, Settings } from '../config/settings.ts';
import { sourceSetting } from '../config/source-server.ts';
import { type BrokerLogin, type BrokerTls, createKafka, type KafkaClient } from '../kafka/client/client.ts';
import { type Database, type DatabaseOptions, openDatabase } from '../postgres/database.ts';
import { createRegistry, type Registry } from '../registry/client.ts';
import type { RegistryLogin } from '../registry/requests.ts';
import { must } from '../runtime/must.ts';
import { readPemFile, requireMatchingKey } from '../runtime/pem-file.ts';
import { withAbort } from '../runtime/waiting.ts';
import type { CommandContext } from './run-command.ts';

/** A client for the configured cluster. It connects when it is first used. */
export function openKafka({ settings, log, outages, metrics }: CommandContext, retries?: number): KafkaClient {
  return createKafka({
    brokers: required(settings.KAFKA_BROKERS, 'KAFKA_BROKERS'),
    clientId: settings.KAFKA_CLIENT_ID,
    tls: settings.KAFKA_SSL_ENABLED ? brokerTls(settings) : undefined,
    sasl: brokerLogin(settings),
    retries,
    log,
    onUnreachable: (why, broker) => outages.failed('kafka_unavailable', `no connection to Kafka: ${why}`, broker),
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
  requireMatchingKey('KAFKA_SSL_CERT_FILE, KAFKA_SSL_KEY_FILE and KAFKA_SSL_KEY_PASSPHRASE', tls);
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

/** A schema may be registered after its first record. The registry must not be asked again for every record until then. */
const NEGATIVE_CACHE_MS = 5_000;

function pem(settings: Settings, name: SettingName & `${string}_FILE`): string | undefined {
  const path = settings[name];
  return path === undefined ? undefined : readPemFile(name, path);
}

/** A setting that the configuration requires of every command whose `needs` names the service. */
function required<T>(value: T | undefined, name: SettingName): T {
  return must(value, `a command that uses ${name} needs it`);
}

/** Opens the database with own tables, runs `work`, and always closes the database. */
export function withDatabase<T>(context: CommandContext, work: Work<T>): Promise<T> {
  return withOpen(context, 'DATABASE_URL', {}, work);
}

/** As {@link withDatabase}, for the database that learner data is read from. */
export function withSourceDatabase<T>(context: CommandContext, work: Work<T>): Promise<T> {
  return withOpen(context, sourceSetting(context.settings), {}, work);
}

/** Runs `work` with the database of the connector's slot: the given one, unless SLOT_DATABASE_URL is set. */
export function withSlotDatabase<T>(
  context: CommandContext,
  database: Database,
  work: Work<T>,
  limits: Partial<DatabaseOptions> = {},
): Promise<T> {
  const { SLOT_DATABASE_URL: url } = context.settings;
  return url === undefined ? work(database) : withOpen(context, 'SLOT_DATABASE_URL', limits, work);
}

/**
 * As {@link withDatabase}, for probes and samples: one connection of their own per database, with short timeouts. The
 * second database is the slot's, as in {@link withSlotDatabase}.
 */
export function withProbeDatabases<T>(
  context: CommandContext,
  work: (database: Database, slotDatabase: Database) => Promise<T>,
): Promise<T> {
  return withOpen(context, 'DATABASE_URL', PROBE_LIMITS, (database) =>
    withSlotDatabase(context, database, (slotDatabase) => work(database, slotDatabase), PROBE_LIMITS),
  );
}

const PROBE_TIMEOUT_MS = 2_000;
const PROBE_LIMITS = { maxConnections: 1, connectTimeoutMs: PROBE_TIMEOUT_MS, statementTimeoutMs: PROBE_TIMEOUT_MS };

type Work<T> = (database: Database) => Promise<T>;

async function withOpen<T>(
  context: CommandContext,
  setting: ReturnType<typeof sourceSetting>,
  limits: Partial<DatabaseOptions>,
  work: Work<T>,
): Promise<T> {
  const { log, metrics, settings } = context;
  const database = openDatabase({
    url: required(settings[setting], setting),
    setting,
    applicationName: 'lastseen',
    onConnected: () => metrics.postgresConnections.inc(),
    onIdleError: (error) => {
      metrics.connectionsLost.inc();
      // If Postgres is away, the next statement reports it.
      log.debug({ event: 'postgres_connection_lost', error: error.message }, 'connection lost');
    },
    ...limits,
  });
  try {
    return await work(database);
  } finally {
    await untilGraceDeadline(context, database.close());
  }
}

/** Waits until something has closed, at most until the shutdown deadline: a connection that hangs is left to the exit. */
export function untilGraceDeadline({ graceDeadline }: CommandContext, closing: Promise<void>): Promise<void> {
  return withAbort(graceDeadline, closing).catch((error) => {
    if (!graceDeadline.aborted) throw error;
  });
}
