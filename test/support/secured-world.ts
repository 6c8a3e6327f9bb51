/**
 * A world with the security of production: Kafka with TLS, client certificate and SCRAM, Postgres with TLS, roles and client
 * certificate, the registry with TLS and a login. The connector uses them too, with its own role. Also attempts that must
 * be refused.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replicationSql } from '../../stack/roles.ts';
import { KAFKA_PASSWORD, KAFKA_USER, type SecuredFront, securedConnector } from '../../stack/servers/secured.ts';
import type { StackAddresses } from '../../stack/stack.ts';
import type { CliRun } from './lastseen-cli.ts';
import { type Attempt, refusedAttempts } from './refused-attempts.ts';
import { REGISTRY_PASSWORD, REGISTRY_TOKEN, REGISTRY_USER, startRegistryFront } from './registry-front.ts';
import { differenceFromSources } from './source-comparison.ts';
import { createWorld, type World } from './world.ts';

export interface SecuredWorld extends World {
  /** Runs the main job once, from rows to figures. Throws if a step fails. */
  runMainJob(): Promise<JobResult>;
  /** Runs commands that must be refused, and returns their results. */
  tryRefused(): Promise<readonly Attempt[]>;
}

interface JobResult {
  readonly records: number;
  /** Learners whose last seen differs from the source tables. */
  readonly differing: number;
  readonly events: number;
  readonly answered: number;
}

type Env = Readonly<Record<string, string>>;

export async function createSecuredWorld(stack: StackAddresses, secured: SecuredFront): Promise<SecuredWorld> {
  const { files, certificates } = secured;
  const secrets = mkdtempSync(join(tmpdir(), 'lastseen-secrets-'));
  const passwordFile = join(secrets, 'kafka-password');
  writeFileSync(passwordFile, `${KAFKA_PASSWORD}\n`);
  const registry = await startRegistryFront(stack.registryUrl, certificates.server);
  const query = new URLSearchParams({
    sslmode: 'verify-full',
    sslrootcert: files.authority,
    sslcert: files.client,
    sslkey: files.clientKey,
    sslpassword: secured.keyPassphrase,
  });
  const world = await createWorld({
    stack,
    database: { prefix: 'secured_', query: String(query) },
    env: securedEnv(secured, passwordFile, registry.url),
    connector: {
      ...securedConnector(secured),
      'database.user': 'lastseen_replication',
      'publication.name': 'seedtest',
      'publication.autocreate.mode': 'disabled',
    },
  });
  await world.database.query({ text: replicationSql() });

  const run = async (...args: string[]): Promise<CliRun> => {
    const done = await world.lastseen(...args, '--json');
    if (done.code !== 0) throw new Error(`lastseen ${args.join(' ')} ended with ${done.code}:\n${done.stderr}`);
    return done;
  };

  return {
    ...world,
    async runMainJob() {
      await world.database.query({ text: LEARNERS });
      await world.connect();
      await world.waitForDelivery();
      await run('track', '--until-end');
      const { differing } = await differenceFromSources(world.database);
      await world.sweepApproved('--as-of', '2026-03-16T05:00:00Z');
      const { events = 0, created = 0 } = (await run('recompute', '--until-end')).json<Record<string, number>>();
      return { records: RECORDS, differing: Number(differing), events, answered: created };
    },
    tryRefused: () => refusedAttempts(world, secured.certificates),
    async close() {
      await world.close();
      await registry.close();
      rmSync(secrets, { recursive: true });
    },
  };
}

function securedEnv(secured: SecuredFront, passwordFile: string, registryUrl: string): Env {
  const { authority, client, clientKey } = secured.files;
  return {
    KAFKA_BROKERS: secured.brokers,
    KAFKA_SSL_ENABLED: 'true',
    KAFKA_SSL_CA_FILE: authority,
    KAFKA_SSL_CERT_FILE: client,
    KAFKA_SSL_KEY_FILE: clientKey,
    KAFKA_SSL_KEY_PASSPHRASE: secured.keyPassphrase,
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: KAFKA_USER,
    KAFKA_SASL_PASSWORD_FILE: passwordFile,
    SCHEMA_REGISTRY_URL: registryUrl,
    SCHEMA_REGISTRY_CA_FILE: authority,
    SCHEMA_REGISTRY_USERNAME: REGISTRY_USER,
    SCHEMA_REGISTRY_PASSWORD: REGISTRY_PASSWORD,
    PUBLICATION: 'seedtest',
    LOG_LEVEL: 'trace',
    // All log lines of the driver.
    KAFKAJS_LOG_LEVEL: 'DEBUG',
  };
}

const RECORDS = 40;

/** Learner n was last seen n days and an hour before the as-of: 23 of them 7 to 29 days ago. */
const LEARNERS = `
INSERT INTO session (id, user_id, started_at)
SELECT 'canary-session-' || u, 'canary-user-' || u, timestamptz '2026-03-16 04:00Z' - u * interval '1 day' FROM generate_series(1, ${RECORDS}) u`;

/** The other kinds of login. */
export const LOGINS: readonly { readonly args: readonly string[]; readonly env: Env }[] = [
  { args: ['topics'], env: { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256' } },
  { args: ['topics'], env: { KAFKA_SASL_MECHANISM: 'PLAIN' } },
  {
    args: ['schemas', 'check'],
    env: { SCHEMA_REGISTRY_USERNAME: '', SCHEMA_REGISTRY_PASSWORD: '', SCHEMA_REGISTRY_TOKEN: REGISTRY_TOKEN },
  },
];
