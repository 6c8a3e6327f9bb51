import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { createKafka, type KafkaClient } from '../src/kafka/client/client.ts';
import { type Database, openDatabase } from '../src/postgres/database.ts';
import { createLogger } from '../src/runtime/logging.ts';
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
  joined(groupId: string, stillRunning: Promise<unknown>): Promise<number>;
  servers(): Promise<ServerUse>;
  /** A harness on the same servers with a new database. */
  beside(databaseName: string): Promise<Harness>;
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

export async function openHarness(needs: readonly PartName[], note: (line: string) => void): Promise<Harness> {
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
    postgresSettings: { track_commit_timestamp: 'on' },
  }).finally(() => progress.close());
  const { addresses } = stack;
  const log = createLogger({ level: 'silent', pretty: false, command: 'bench' });
  const database = openDatabase({ url: addresses.databaseUrl, applicationName: 'bench' });
  const besides: Database[] = [];
  const kafka = createKafka({ brokers: [addresses.brokers], clientId: 'bench', log });
  const admin = kafka.admin();
  if (parts.includes('kafka')) await admin.connect();

  const harness: Harness = {
    addresses,
    pids: stack.pids,
    guard,
    workDir,
    database,
    kafka,
    admin,
    note,
    environment: (prefix) => environmentOf(addresses, prefix),
    async setUp(prefix, partitions = 4) {
      const env = { ...harness.environment(prefix), TOPIC_PARTITIONS: String(partitions) };
      for (const command of [['topics'], ['schemas', 'register']])
        await (await harness.lastseen(env, ...command)).ended;
    },
    lastseen: (env, ...args) =>
      startMeasured(guard, { command: process.execPath, args: [...lastseenArguments(), ...args], env }),
    async joined(groupId, stillRunning) {
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
    },
    async servers() {
      const { rows } = await database.query<{ bytes: bigint }>({
        text: `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8 AS bytes`,
      });
      return {
        postgresCpuSeconds: cpuSecondsOfFamily(stack.pids.postgres),
        brokerCpuSeconds: stack.pids.kafka === undefined ? 0 : cpuSecondsOfFamily(stack.pids.kafka),
        walBytes: rows[0]?.bytes ?? 0n,
      };
    },
    async beside(databaseName) {
      await database.query({ text: `CREATE DATABASE ${databaseName}` });
      const url = new URL(addresses.databaseUrl);
      url.pathname = `/${databaseName}`;
      const own = { ...addresses, databaseUrl: url.href };
      const other: Harness = {
        ...harness,
        addresses: own,
        database: openDatabase({ url: own.databaseUrl, applicationName: 'bench' }),
        environment: (prefix) => environmentOf(own, prefix),
      };
      besides.push(other.database);
      await makeTables(other);
      return other;
    },
    async close() {
      await guard.close();
      await admin.disconnect().catch(() => {});
      for (const each of [database, ...besides]) await each.close().catch(() => {});
      await stack.stop();
    },
  };
  try {
    await makeTables(harness);
    return harness;
  } catch (error) {
    await harness.close();
    throw error;
  }
}

async function makeTables(harness: Harness): Promise<void> {
  await applyPlatformSchema(harness.addresses.databaseUrl);
  await (await harness.lastseen(harness.environment('bench'), 'migrate')).ended;
}

/** The arguments of node in `npm run lastseen`, as in the image. */
function lastseenArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { lastseen: string } };
  return scripts.lastseen
    .split(' ')
    .slice(1)
    .map((word) => (word.endsWith('.ts') ? join(ROOT, word) : word));
}
