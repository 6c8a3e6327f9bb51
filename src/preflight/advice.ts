import type { SettingName } from '../config/settings.ts';
import { LastseenError, safeMessage } from '../runtime/errors.ts';
import { type Advice, APPLY_ROLES, MIGRATE } from './finding.ts';

/** What an error came from. A Postgres server is named by the setting with its address. */
export type Server = (SettingName & ('DATABASE_URL' | 'SLOT_DATABASE_URL' | 'SOURCE_DATABASE_URL')) | OtherServer;
type OtherServer = 'kafka' | 'registry' | 'connect';

const OUTAGE = 'docs/runbooks/LastseenOutage.md';
const DEPLOYING = 'docs/deploying.md#requirements';

/** What to do about an error of a server, by its cause and not by the check that met it. */
export function adviceFor(error: unknown, server: Server): Advice {
  switch (server) {
    case 'kafka':
      return ofKafka(error);
    case 'registry':
      return ofRegistry(error);
    case 'connect':
      return correct('CONNECT_URL', 'start Kafka Connect, or correct CONNECT_URL', OUTAGE);
    default:
      return ofPostgres(error, server);
  }
}

function correct(setting: SettingName, hint: string, page: typeof OUTAGE | typeof DEPLOYING): Advice {
  return { hint, page, remedy: { setting } };
}

function ofPostgres(error: unknown, setting: SettingName): Advice {
  const state = causeCode(error);
  switch (state) {
    case '42501':
      return APPLY_ROLES;
    case '3D000':
      return correct(setting, `correct the name of the database in ${setting}`, DEPLOYING);
    case '28P01':
      return correct(setting, `correct the user and the password in ${setting}`, DEPLOYING);
    case '28000':
      return correct(setting, `correct the user and sslmode in ${setting}, or pg_hba.conf of the server`, DEPLOYING);
    case '53300':
      return {
        hint: 'raise max_connections of the server, or close other clients; meanwhile it is waited for',
        page: OUTAGE,
      };
    case '57P03':
      return { hint: 'wait until the server has started', page: OUTAGE };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return correct(setting, `correct the host in ${setting}, or the name server`, OUTAGE);
  }
  switch (codeOf(error)) {
    case 'not_migrated':
      return MIGRATE;
    case 'postgres_refused':
      return correct(setting, `correct ${setting}: address, and sslmode with its files`, DEPLOYING);
    default:
      return correct(setting, `start Postgres, or correct host and port in ${setting}`, OUTAGE);
  }
}

/** A broker with TLS closes a plain connection, and one without TLS closes the handshake. */
function ofKafka(error: unknown): Advice {
  const message = safeMessage(error);
  if (/Closed connection/.test(message)) {
    return {
      hint: 'set KAFKA_SSL_ENABLED=true if the listener has TLS, or correct the port in KAFKA_BROKERS',
      page: DEPLOYING,
      remedy: { setting: 'KAFKA_SSL_ENABLED', value: 'true' },
    };
  }
  if (/before secure TLS connection|does not use TLS/.test(message)) {
    const hint =
      'KAFKA_SSL_ENABLED is true, but the listener has no TLS: correct the port in KAFKA_BROKERS, or unset it';
    return correct('KAFKA_SSL_ENABLED', hint, DEPLOYING);
  }
  if (/current SASL state/.test(message)) {
    const hint =
      'the listener has no SASL: unset KAFKA_SASL_MECHANISM, its user and its password, or correct the port in KAFKA_BROKERS';
    return correct('KAFKA_SASL_MECHANISM', hint, DEPLOYING);
  }
  if (codeOf(error) !== 'kafka_refused') {
    return correct('KAFKA_BROKERS', 'start the brokers, or correct KAFKA_BROKERS', OUTAGE);
  }
  if (/client certificate/.test(message))
    return correct('KAFKA_SSL_CERT_FILE', 'set KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE', DEPLOYING);
  if (/authority|self-signed/.test(message))
    return correct('KAFKA_SSL_CA_FILE', 'set KAFKA_SSL_CA_FILE to the CA of the brokers', DEPLOYING);
  if (/another host name/.test(message))
    return correct('KAFKA_BROKERS', 'correct the host in KAFKA_BROKERS: the certificate has another one', DEPLOYING);
  if (/certificate|TLS/.test(message))
    return { hint: 'renew or replace the certificate of the broker', page: DEPLOYING };
  if (/mechanism/i.test(message)) return correct('KAFKA_SASL_MECHANISM', 'correct KAFKA_SASL_MECHANISM', DEPLOYING);
  if (/AUTHORI[SZ]ATION_FAILED|Not authorized/i.test(message))
    return { hint: 'grant the user of KAFKA_SASL_USERNAME the ACLs', page: DEPLOYING };
  return correct('KAFKA_SASL_PASSWORD', 'correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD', DEPLOYING);
}

function ofRegistry(error: unknown): Advice {
  const message = safeMessage(error);
  if (/does not answer as a schema registry/.test(message))
    return correct(
      'SCHEMA_REGISTRY_URL',
      'correct the path of SCHEMA_REGISTRY_URL: it needs the Confluent API',
      DEPLOYING,
    );
  if (codeOf(error) !== 'registry_refused')
    return correct('SCHEMA_REGISTRY_URL', 'start the registry, or correct SCHEMA_REGISTRY_URL', OUTAGE);
  if (/authority|self-signed/.test(message))
    return correct('SCHEMA_REGISTRY_CA_FILE', 'set SCHEMA_REGISTRY_CA_FILE to the CA of the registry', DEPLOYING);
  if (/denied access/.test(message)) {
    const hint = 'correct SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN';
    return correct('SCHEMA_REGISTRY_PASSWORD', hint, DEPLOYING);
  }
  return correct('SCHEMA_REGISTRY_URL', 'correct SCHEMA_REGISTRY_URL, or the certificate of the registry', DEPLOYING);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof LastseenError ? error.code : undefined;
}

/** The SQLSTATE, or the code of the operating system. */
function causeCode(error: unknown): string | undefined {
  const cause = error instanceof LastseenError ? error.cause : error;
  const code = cause instanceof Error ? (cause as { readonly code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
