import type { SecuredFront } from '../../stack/servers/secured.ts';
import type { CliRun } from './lastseen-cli.ts';
import { startUntrustedServer, type UntrustedServer } from './untrusted-server.ts';
import type { World } from './world.ts';

/** A command that a server must refuse, or that must not trust a server. */
export interface Attempt {
  readonly part: 'kafka' | 'registry' | 'postgres';
  readonly fault: string;
  readonly run: CliRun;
}

type Env = Readonly<Record<string, string>>;

const COMMANDS = { kafka: ['topics'], registry: ['schemas', 'check'], postgres: ['migrate'] } as const;
const WRONG_PASSWORD = 'canary-wrong-password';

/** Runs commands with wrong passwords, against untrusted servers, and without TLS or a client certificate. */
export async function refusedAttempts(
  world: World,
  { expired, elsewhere }: SecuredFront['certificates'],
): Promise<readonly Attempt[]> {
  const attempt = async (part: Attempt['part'], fault: string, env: Env): Promise<Attempt> => {
    return { part, fault, run: await world.lastseenWith(env, ...COMMANDS[part]) };
  };
  const database = (changes: { readonly [K in 'port' | 'password' | 'search']?: string }): Env => ({
    DATABASE_URL: Object.assign(new URL(world.env['DATABASE_URL'] ?? ''), changes).href,
  });
  const withUntrustedServers = async (
    fault: string,
    shows: UntrustedServer,
    agreesToTls: UntrustedServer,
  ): Promise<Attempt[]> => {
    try {
      return await Promise.all([
        attempt('kafka', fault, { KAFKA_BROKERS: `127.0.0.1:${shows.port}` }),
        attempt('registry', fault, { SCHEMA_REGISTRY_URL: `https://127.0.0.1:${shows.port}/` }),
        attempt('postgres', fault, database({ port: String(agreesToTls.port) })),
      ]);
    } finally {
      await Promise.all([shows.close(), agreesToTls.close()]);
    }
  };
  return [
    ...(await Promise.all([
      attempt('kafka', 'wrong password', { KAFKA_SASL_PASSWORD_FILE: '', KAFKA_SASL_PASSWORD: WRONG_PASSWORD }),
      attempt('registry', 'wrong password', { SCHEMA_REGISTRY_PASSWORD: WRONG_PASSWORD }),
      attempt('postgres', 'wrong password', database({ password: WRONG_PASSWORD })),
    ])),
    ...(await withUntrustedServers(
      'expired certificate',
      await startUntrustedServer(expired),
      await startUntrustedServer(expired, true),
    )),
    ...(await withUntrustedServers(
      'wrong host name',
      await startUntrustedServer(elsewhere),
      await startUntrustedServer(elsewhere, true),
    )),
    ...(await Promise.all([
      attempt('kafka', 'no client certificate', {
        KAFKA_SSL_CERT_FILE: '',
        KAFKA_SSL_KEY_FILE: '',
        KAFKA_SSL_KEY_PASSPHRASE: '',
      }),
      attempt('postgres', 'no TLS', database({ search: '' })),
      attempt('postgres', 'unknown authority', database({ search: 'sslmode=verify-full' })),
    ])),
  ];
}
