/**
 * Secured access to the stack: a second Kafka listener with TLS, client certificates and SASL, and Postgres databases
 * named `secured_…`, which need TLS and a client certificate. The passwords here are for this machine only.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificate, createAuthority, derKey, encryptedKey } from './certificates.ts';

/** Kafka's accounts: the SCRAM ones are created with its data directory, the PLAIN one is in its settings. */
export const KAFKA_USER = 'lastseen';
export const KAFKA_PASSWORD = 'canary-kafka-password';
const KEY_PASSPHRASE = 'canary-key-passphrase';

export interface SecuredFront {
  readonly brokers: string;
  readonly kafkaPort: number;
  readonly files: {
    readonly authority: string;
    readonly server: string;
    readonly serverKey: string;
    /** Key and certificate in one PEM file, for Java. */
    readonly serverStore: string;
    readonly client: string;
    /** Encrypted with `keyPassphrase`. */
    readonly clientKey: string;
    readonly clientStore: string;
    /** `clientKey` for Java: DER without a passphrase. */
    readonly clientKeyDer: string;
  };
  /** The servers' certificate, an expired one, and one for another host. */
  readonly certificates: { readonly [C in 'server' | 'expired' | 'elsewhere']: Certificate };
  readonly keyPassphrase: string;
}

export async function createSecuredFront(runDir: string, kafkaPort: number): Promise<SecuredFront> {
  const home = join(runDir, 'tls');
  mkdirSync(home, { mode: 0o711 });
  const write = (name: string, text: string | Buffer) => {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  };
  const authority = await createAuthority();
  const server = await authority.issue({ names: ['127.0.0.1', 'localhost'] });
  const expired = await authority.issue({ names: ['127.0.0.1', 'localhost'], expired: true });
  const elsewhere = await authority.issue({ names: ['elsewhere.example'] });
  const client = await authority.issue({ names: ['client'] });
  return {
    brokers: `127.0.0.1:${kafkaPort}`,
    kafkaPort,
    files: {
      authority: write('authority.pem', authority.certificate),
      server: write('server.pem', server.certificate),
      serverKey: write('server.key', server.key),
      serverStore: write('server-store.pem', `${server.key}\n${server.certificate}`),
      client: write('client.pem', client.certificate),
      clientKey: write('client.key', encryptedKey(client.key, KEY_PASSPHRASE)),
      clientStore: write('client-store.pem', `${client.key}\n${client.certificate}`),
      clientKeyDer: write('client.der', derKey(client.key)),
    },
    certificates: { server, expired, elsewhere },
    keyPassphrase: KEY_PASSPHRASE,
  };
}

const PLAIN_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const SCRAM_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required';

/** Broker settings of the listener SECURED. */
export function securedListener({ files }: SecuredFront): Record<string, string> {
  const settings = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'plain.sasl.jaas.config': `${PLAIN_LOGIN} user_${KAFKA_USER}="${KAFKA_PASSWORD}";`,
    'scram-sha-256.sasl.jaas.config': `${SCRAM_LOGIN};`,
    'scram-sha-512.sasl.jaas.config': `${SCRAM_LOGIN};`,
    'ssl.client.auth': 'required',
    ...javaTls(files.serverStore, files.authority),
  };
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`listener.name.secured.${name}`, value]));
}

/** Connector settings to write to Kafka and read Postgres with TLS. */
export function securedConnector({ brokers, files }: SecuredFront): Record<string, string> {
  const kafka = {
    'bootstrap.servers': brokers,
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': `${SCRAM_LOGIN} username="${KAFKA_USER}" password="${KAFKA_PASSWORD}";`,
    ...javaTls(files.clientStore, files.authority),
  };
  return {
    ...Object.fromEntries(
      ['producer', 'admin'].flatMap((client) =>
        Object.entries(kafka).map(([name, value]) => [`${client}.override.${name}`, value]),
      ),
    ),
    'database.sslmode': 'verify-full',
    'database.sslrootcert': files.authority,
    'database.sslcert': files.client,
    'database.sslkey': files.clientKeyDer,
  };
}

function javaTls(store: string, authority: string): Record<string, string> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': store,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority,
  };
}

/** Lines for the top of pg_hba.conf. */
export const SECURED_HOSTS = [
  'hostssl "/^secured_" all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
  'host "/^secured_" all all reject',
  '',
].join('\n');
