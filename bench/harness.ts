import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { createKafka, type KafkaClient } from '../src/kafka/client/client.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import { createLogger } from '../src/runtime/logging.ts';
import { single } from '../src/runtime/must.ts';
import { environmentOf } from '../stack/environment.ts';
import { createGuard, type Guard } from '../stack/guard.ts';
import type { PartName } from '../stack/part.ts';
import { applyPlatformSchema } from '../stack/platform.ts';
import { showProgress } from '../stack/progress.ts';
import { type StackAddresses, startStack } from '../stack/stack.ts';
import { type Measured, startMeasured } from './measured.ts';
import { peerArtifacts, resolveJdbcSink } from './peers/artifacts.ts';
import { cpuSecondsOfFamily } from './usage.ts';

/** The stack of the benches, and what measures the processes on it. */
export interface Harness {
  readonly addresses: StackAddresses;
  readonly pids: Readonly<Record<PartName, number>>;
  readonly guard: Guard;
  /** Directory for files of a bench, removed at the end. */
  readonly workDir: string;
  readonly database: Database;
  readonly kafka: KafkaClient;
  readonly admin: Admin;
  readonly note: (line: string) => void;
  /** Environment of commands for the same database and topics with this prefix. */
  environment(prefix: string): Readonly<Record<string, string>>;
  /** Creates topics for the prefix, with 4 partitions by default, and registers schemas. */
  setUp(prefix: string, partitions?: number): Promise<void>;
  /** Starts `lastseen …` as users do, with the default configuration. */
  lastseen(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Measured>;
  /** Waits until the first members of the group have partitions. Returns the time in ms since the epoch. */
  waitForMembers(groupId: string, stillRunning: Promise<unknown>): Promise<number>;
  readServerUse(): Promise<ServerUse>;
  /** A harness on the same servers with a new database. */
  openSibling(databaseName: string): Promise<Harness>;
  close(): Promise<void>;
}

/** Resources that the servers have used so far. */
export interface ServerUse {
  readonly postgresCpuSeconds: number;
  readonly brokerCpuSeconds: number;
  readonly walBytes: bigint;
}

const ROOT = join(import.meta.dirname, '..');
const JOINED_WITHIN_MS = 120_000;
const POLL_MS = 10;

export async function openHarness(
  needs: readonly PartName[],
  postgresSettings: Readonly<Record<string, string>>,
  note: (line: string) => void,
): Promise<Harness> {
  const parts: readonly PartName[] = ['postgres', ...needs];
  const progress = showProgress(parts, false);
  const guard = createGuard();
  const runDir = realpathSync(mkdtempSync(join(tmpdir(), 'lastseen-bench-')));
  guard.removeAtEnd(runDir);
  const workDir = join(runDir, 'bench');
  mkdirSync(workDir);
  const connectPlugins = parts.includes('connect')
    ? [await resolveJdbcSink(peerArtifacts(guard, workDir), () => note('downloading the JDBC sink (first run only)'))]
    : [];
  const stack = await startStack({
    parts,
    runDir,
    connectPlugins,
    onProgress: progress.report,
    // Gives the commit time of each row afterwards, without queries during the run.
    postgresSettings: { ...postgresSettings, track_commit_timestamp: 'on' },
  }).finally(() => progress.close());
  const log = createLogger({ level: 'silent', pretty: false, command: 'bench' });
  const kafka = createKafka({ brokers: [stack.addresses.brokers], clientId: 'bench', log });
  const admin = kafka.admin();
  if (parts.includes('kafka')) await admin.connect();
  const databases: Database[] = [];
  const close = async () => {
    await guard.close();
    await admin.disconnect().catch(() => {});
    for (const each of databases) await each.close().catch(() => {});
    await stack.stop();
  };
  try {
    return await openOn(stack.addresses, { guard, workDir, note, kafka, admin, pids: stack.pids, close }, databases);
  } catch (error) {
    await close();
    throw error;
  }
}

type Shared = Pick<Harness, 'guard' | 'workDir' | 'note' | 'kafka' | 'admin' | 'pids' | 'close'>;

/** Opens a harness on one database, and creates its tables. @param opened gets the database, to be closed at the end. */
async function openOn(addresses: StackAddresses, shared: Shared, opened: Database[]): Promise<Harness> {
  const { guard, admin, pids } = shared;
  const database = openDatabase({ url: addresses.databaseUrl, applicationName: 'bench' });
  opened.push(database);
  const environment = (prefix: string) => environmentOf(addresses, prefix);
  const lastseen: Harness['lastseen'] = (env, ...args) =>
    startMeasured(guard, { command: process.execPath, args: [...lastseenArguments(), ...args], env });
  await applyPlatformSchema(addresses.databaseUrl);
  await (await lastseen(environment('bench'), 'migrate')).ended;
  return {
    ...shared,
    addresses,
    database,
    environment,
    async setUp(prefix, partitions = 4) {
      const env = { ...environment(prefix), TOPIC_PARTITIONS: String(partitions) };
      for (const command of [['topics'], ['schemas', 'register']]) await (await lastseen(env, ...command)).ended;
    },
    lastseen,
    waitForMembers: (groupId, stillRunning) => waitForMembers(admin, groupId, stillRunning),
    async readServerUse() {
      const { rows } = await database.query<{ bytes: bigint }>({
        text: `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8 AS bytes`,
      });
      return {
        postgresCpuSeconds: cpuSecondsOfFamily(pids.postgres),
        brokerCpuSeconds: pids.kafka === undefined ? 0 : cpuSecondsOfFamily(pids.kafka),
        walBytes: single(rows, 'a SELECT without FROM returns one row').bytes,
      };
    },
    async openSibling(databaseName) {
      await database.query({ text: `CREATE DATABASE ${databaseName}` });
      const url = new URL(addresses.databaseUrl);
      url.pathname = `/${databaseName}`;
      return openOn({ ...addresses, databaseUrl: url.href }, shared, opened);
    },
  };
}

async function waitForMembers(admin: Admin, groupId: string, stillRunning: Promise<unknown>): Promise<number> {
  const ended = stillRunning.then(() => {
    throw new Error(`${groupId} exited before it joined`);
  });
  ended.catch(() => {});
  for (const deadline = Date.now() + JOINED_WITHIN_MS; Date.now() < deadline; ) {
    const { groups } = await Promise.race([ended, admin.describeGroups([groupId])]);
    if (groups[0]?.state === 'Stable' && groups[0].members.length > 0) return Date.now();
    await Promise.race([ended, sleep(POLL_MS)]);
  }
  throw new Error(`${groupId} has not joined within ${JOINED_WITHIN_MS / 1_000} s`);
}

/** The arguments of node in `npm run lastseen`, as in the image. */
function lastseenArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { lastseen: string } };
  return scripts.lastseen
    .split(' ')
    .slice(1)
    .map((word) => (word.endsWith('.ts') ? join(ROOT, word) : word));
}
