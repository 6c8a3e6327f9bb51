import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createKafka } from '../../src/kafka/client/client.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createLogger } from '../../src/runtime/logging.ts';
import { deleteConnector, pauseConnector, registerConnector, resumeConnector } from '../../stack/connector.ts';
import { environmentOf } from '../../stack/environment.ts';
import { asRole, roleOf } from '../../stack/roles.ts';
import type { StackAddresses } from '../../stack/stack.ts';
import { freshDatabase } from './fresh-database.ts';
import { type CliRun, runCli, type StartedCli, startCli } from './lastseen-cli.ts';

/**
 * A platform for one test on the shared stack: database, topics, connector, and commands that run with the database rights
 * of their roles.
 */
export interface World {
  readonly name: string;
  readonly database: Database;
  readonly env: Readonly<Record<string, string>>;
  readonly kafka: ReturnType<typeof createKafka>;
  /** The consumer group of a command in this world. Worlds share one stack. */
  groupOf(command: 'track' | 'recompute'): string;
  /** Standard error of each command that has exited. */
  readonly logs: readonly string[];
  lastseen(...args: string[]): Promise<CliRun>;
  /** As `lastseen`, with variables of its own. */
  lastseenWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<CliRun>;
  /** Sweeps, and approves the run if it is held. Throws if either fails. */
  sweepApproved(...args: string[]): Promise<CliRun>;
  start(env: Readonly<Record<string, string>>, ...args: string[]): StartedCli;
  /** As `start`, with the code of another release. */
  startOf(cli: string, ...args: string[]): StartedCli;
  /** Registers the connector: existing rows arrive as a snapshot, later changes are streamed. */
  connect(overrides?: Record<string, string>): Promise<void>;
  /** Creates tables, topics and schemas with lastseen's commands. */
  prepare(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when all changes committed so far are in the topics. */
  waitForDelivery(): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** From the project's global setup unless given. */
  readonly stack?: StackAddresses;
  /** Name prefix and URL query of a special database. */
  readonly database?: { readonly prefix: string; readonly query: string };
  /** Overrides the environment of commands. */
  readonly env?: Readonly<Record<string, string>>;
  /** Overrides the settings of the connector. */
  readonly connector?: Readonly<Record<string, string>>;
}

/** Shorter than the timeout of a test, so that the command is named which did not exit. */
const EXIT_WITHIN_MS = 150_000;

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const stack = options.stack ?? inject('stack');
  const name = `w${randomBytes(4).toString('hex')}`;
  const fresh = await freshDatabase(stack.databaseUrl, options.database);
  const addresses = { ...stack, databaseUrl: fresh.url };
  const env = {
    ...environmentOf(addresses, name),
    KAFKA_SESSION_TIMEOUT: '6s',
    // Slot and publication are named like the connector, which is named like the prefix.
    WAIT_FRESH: '60s',
    LOG_LEVEL: 'info',
    ...options.env,
  };
  const { killAll, ...commands } = createCommands(name, env, fresh.url);
  let connected = false;
  return {
    name,
    database: fresh.database,
    env,
    ...commands,
    kafka: createKafka({
      brokers: [stack.brokers],
      clientId: 'test',
      log: createLogger({ level: 'silent', pretty: false, command: 'test' }),
    }),
    async connect(overrides = {}) {
      connected = true;
      await registerConnector(addresses, {
        name,
        topicPrefix: name,
        overrides: { ...options.connector, ...overrides },
      });
    },
    pause: () => pauseConnector(addresses, name),
    resume: () => resumeConnector(addresses, name),
    waitForDelivery: () => waitForDelivery(fresh.database, name),
    async close() {
      // A failed test leaves processes running.
      await killAll();
      if (connected) {
        await deleteConnector(addresses, name);
        await dropSlots(fresh.database);
      }
      await fresh.close();
    },
  };
}

type Commands = Pick<
  World,
  'groupOf' | 'logs' | 'lastseen' | 'lastseenWith' | 'sweepApproved' | 'start' | 'startOf' | 'prepare'
>;

/** Commands with the database rights of their roles. */
function createCommands(
  name: string,
  env: Readonly<Record<string, string>>,
  databaseUrl: string,
): Commands & { killAll(): Promise<void> } {
  const running: StartedCli[] = [];
  const logs: string[] = [];
  const groupOf = (command: string | undefined) => `${name}-${command}`;
  const envOf = (more: Readonly<Record<string, string>>, [command]: readonly string[]) => ({
    ...env,
    KAFKA_GROUP_ID: groupOf(command),
    DATABASE_URL: asRole(databaseUrl, roleOf(command)),
    ...more,
  });
  const keep = <R extends CliRun>(run: R): R => {
    logs.push(run.stderr);
    return run;
  };
  const begin = ({ process, ended }: StartedCli): StartedCli => {
    const run = { process, ended: ended.then(keep) };
    running.push(run);
    return run;
  };
  const lastseenWith = async (more: Readonly<Record<string, string>>, ...args: string[]) =>
    keep(await runCli(envOf(more, args), args, EXIT_WITHIN_MS));
  const succeed = async (...args: string[]) => {
    const run = await lastseenWith({}, ...args);
    if (run.code !== 0) throw new Error(`lastseen ${args.join(' ')} exited with ${run.code}:\n${run.stderr}`);
    return run;
  };
  return {
    groupOf,
    logs,
    lastseen: (...args) => lastseenWith({}, ...args),
    lastseenWith,
    async sweepApproved(...args) {
      const run = await lastseenWith({}, 'sweep', ...args, '--json');
      if (run.code === 3) return succeed('sweep', 'approve', run.json<{ run_id: string }>().run_id, '--json');
      if (run.code !== 0) throw new Error(`the sweep exited with ${run.code}:\n${run.stderr}`);
      return run;
    },
    start: (more, ...args) => begin(startCli(envOf(more, args), args)),
    startOf: (cli, ...args) => begin(startCli(envOf({}, args), args, cli)),
    async prepare() {
      for (const command of [['migrate'], ['topics'], ['schemas', 'register']]) await succeed(...command);
    },
    async killAll() {
      for (const run of running) run.process.kill('SIGKILL');
      await Promise.all(running.map((run) => run.ended));
    },
  };
}

/**
 * Connect confirms to the slot only what Kafka has acknowledged. Without other changes, the heartbeat's write advances the
 * slot.
 */
async function waitForDelivery(database: Database, name: string): Promise<void> {
  const { rows } = await database.query<{ lsn: string }>({ text: 'SELECT pg_current_wal_insert_lsn()::text AS lsn' });
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    const { count } = await database.query({
      text: `SELECT FROM pg_replication_slots WHERE database = current_database() AND confirmed_flush_lsn > $1::pg_lsn`,
      values: [rows[0]?.lsn],
    });
    if (count > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`connector ${name} has not delivered within two minutes`);
}

async function dropSlots(database: Database): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const { count } = await database.query({
      text: `SELECT FROM pg_replication_slots WHERE database = current_database() AND active`,
    });
    if (count === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await database.query({
    text: `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()`,
  });
}
