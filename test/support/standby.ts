import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { must, single } from '../../src/runtime/must.ts';
import { freePorts } from '../../stack/ports.ts';
import { waitFor } from './waiting.ts';

export interface Standby {
  /** Of the same database as `primary`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts a streaming standby of the server of `primaryUrl`, a superuser's URL, from a base backup of its data directory.
 * The server runs on this machine, and nothing else uses it. Linux only: the running server's binary is used.
 *
 * @param more settings of the standby. With `hot_standby_feedback` it keeps the primary from cleaning up in all databases.
 */
export async function startStandby(primaryUrl: string, more: Readonly<Record<string, string>> = {}): Promise<Standby> {
  const primary = openDatabase({ url: primaryUrl, applicationName: 'test-backup', maxConnections: 1 });
  const [port] = await freePorts(1);
  const { source, copy } = await primary.session((session) => backUp(session)).finally(() => primary.close());
  const { uid, gid } = statSync(source);
  for (const name of ['backup_label', 'standby.signal']) chownSync(`${copy}/${name}`, uid, gid);
  const serverPid = must(readFileSync(`${source}/postmaster.pid`, 'utf8').split('\n')[0], 'the server is running');
  const { hostname, port: primaryPort, password } = new URL(primaryUrl);
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    max_replication_slots: '20',
    max_wal_senders: '20',
    primary_conninfo: `host=${hostname} port=${primaryPort} user=postgres password=${password}`,
    ...more,
  };
  const server = spawn(
    readlinkSync(`/proc/${serverPid}/exe`),
    [
      ...['-D', copy, '-p', String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], env: { LC_ALL: 'C', TZ: 'UTC' }, uid, gid },
  );
  let log = '';
  server.stderr.on('data', (text: Buffer) => {
    log += text;
  });
  const exited = once(server, 'exit');
  const url = new URL(primaryUrl);
  url.port = String(port);
  await waitFor('the standby to accept connections', async () => {
    if (server.exitCode !== null) throw new Error(`the standby exited:\n${log}`);
    return log.includes('ready to accept read-only connections');
  });
  return {
    url: url.href,
    async stop() {
      server.kill('SIGQUIT');
      await exited;
      rmSync(copy, { recursive: true, force: true });
    },
  };
}

async function backUp(session: Pick<Database, 'query'>) {
  const { rows } = await session.query<{ data_directory: string }>({ text: 'SHOW data_directory' });
  const source = single(rows, 'SHOW returns one row').data_directory;
  const copy = `${source}-standby`;
  await session.query({ text: `SELECT pg_backup_start('standby', true)` });
  execFileSync('cp', ['-a', source, copy]);
  const stopped = await session.query<{ labelfile: string }>({
    text: 'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
  });
  rmSync(`${copy}/postmaster.pid`);
  writeFileSync(`${copy}/backup_label`, single(stopped.rows, 'pg_backup_stop returns one row').labelfile);
  appendFileSync(`${copy}/standby.signal`, '');
  return { source, copy };
}
