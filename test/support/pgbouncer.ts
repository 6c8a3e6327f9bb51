import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../stack/ports.ts';

/** The program of PgBouncer, and where its libraries are. */
interface Program {
  readonly command: string;
  readonly libraries: string | undefined;
  readonly directory: string;
}

export interface PgBouncer {
  /** The same database, through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

let found: Program | undefined;

/**
 * Debian's package, unpacked but not installed: an installation would start a server.
 *
 * @throws Error with the reason if it cannot be had.
 */
function program(): Program {
  if (found !== undefined) return found;
  const directory = mkdtempSync(join(tmpdir(), 'lastseen-pgbouncer-'));
  chmodSync(directory, 0o755);
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  if (spawnSync('pgbouncer', ['-V']).status === 0) {
    found = { command: 'pgbouncer', libraries: undefined, directory };
    return found;
  }
  try {
    unpack(directory, ['pgbouncer']);
  } catch {
    run('apt-get', ['update', '-qq'], directory);
    unpack(directory, ['pgbouncer']);
  }
  const [archive = ''] = archivesIn(directory);
  const depends = run('dpkg-deb', ['-f', archive, 'Depends'], directory);
  unpack(
    directory,
    [...depends.matchAll(/\blib(?:c-ares|cares|event)[\w.-]*/g)].map(([name]) => name),
  );
  const [libraries = ''] = readdirSync(join(directory, 'usr/lib')).filter((name) => name.includes('-linux-'));
  found = {
    command: join(directory, 'usr/sbin/pgbouncer'),
    libraries: join(directory, 'usr/lib', libraries),
    directory,
  };
  return found;
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
}

const archivesIn = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.deb'));

function unpack(directory: string, packages: readonly string[]): void {
  run('apt-get', ['download', '-qq', ...packages], directory);
  for (const archive of archivesIn(directory)) run('dpkg', ['-x', archive, directory], directory);
}

/** The workers of vitest end without `exit`. */
export function removePgBouncer(): void {
  if (found !== undefined) rmSync(found.directory, { recursive: true, force: true });
  found = undefined;
}

/** Why PgBouncer cannot be started here; undefined if it can. */
export function pgBouncerMissing(): string | undefined {
  try {
    program();
    return undefined;
  } catch (error) {
    return `PgBouncer cannot be had: ${(error as Error).message.split('\n')[0]}`;
  }
}

const STARTS_WITHIN_MS = 10_000;

/** Starts a pooler in front of the database of the URL. It logs in there as the user of the URL. */
export async function startPgBouncer(databaseUrl: string, mode: 'session' | 'transaction'): Promise<PgBouncer> {
  const { command, libraries, directory } = program();
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const [listenPort = 0] = await freePorts(1);
  const config = join(directory, `${listenPort}.ini`);
  const server = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
  writeFileSync(
    config,
    `[databases]\n* = ${server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${listenPort}\nunix_socket_dir =\n` +
      `auth_type = any\npool_mode = ${mode}\ndefault_pool_size = 20\n`,
    { mode: 0o644 },
  );
  const child = spawn(command, [config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(libraries === undefined ? {} : { env: { ...process.env, LD_LIBRARY_PATH: libraries } }),
    ...unprivileged(),
  });
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  for (const deadline = Date.now() + STARTS_WITHIN_MS; !(await accepts(listenPort)); await sleep(50)) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`PgBouncer does not listen:\n${log}`);
  }
  return { url: `postgres://${username}:any@127.0.0.1:${listenPort}${pathname}`, stop };
}

/** It refuses to run as root. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const nobody = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('nobody:'));
  const [, , uid, gid] = nobody?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
