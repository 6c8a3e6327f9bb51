/**
 * The servers that lastseen uses, on free ports of 127.0.0.1, without a container engine. This file starts and stops them
 * in parallel; each server has its own file.
 */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createArtifacts, STACK_ARTIFACTS } from './artifacts.ts';
import { startChild } from './child.ts';
import { createConnect } from './connect.ts';
import { StackError, tailOf } from './errors.ts';
import { createGuard } from './guard.ts';
import { findJava } from './java.ts';
import { createKafka, createKafkaFiles, type Detour } from './kafka.ts';
import { PART_NAMES, type Part, type PartName, type Running } from './part.ts';
import { freePorts, isFree } from './ports.ts';
import { createPostgres } from './postgres.ts';
import { createRegistry } from './registry.ts';
import { createSecuredFront, type SecuredFront } from './secured.ts';
import { endTree, signalGroup } from './teardown.ts';

export interface StackAddresses {
  databaseUrl: string;
  brokers: string;
  /** For the kafkajs registry client. */
  registryUrl: string;
  /** For the Avro converter. */
  registryV2Url: string;
  connectUrl: string;
  postgresPort: number;
}

export type PartState = 'resolving' | 'starting' | 'ready' | 'failed';

export interface StackOptions {
  /** Default: all. `connect` needs all others. */
  parts?: readonly PartName[];
  /** 'failed' is also reported for a part that dies later. */
  onProgress?: (part: PartName, state: PartState, detail?: string) => void;
  /** Directory for data and logs, removed when the stack stops. Default: a new temporary directory. */
  runDir?: string;
  /** Adds access with TLS and logins, see secured.ts. */
  secured?: boolean;
  /** Number of extra Kafka listeners for proxies of the caller. Default: none. */
  detours?: number;
  /** Override settings of the Postgres server. */
  postgresSettings?: Readonly<Record<string, string>>;
  /** More directories on Connect's plugin path. */
  connectPlugins?: readonly string[];
  /** Aborts the start: running servers are stopped, and startStack rejects. */
  signal?: AbortSignal;
}

export interface RunningStack {
  readonly addresses: StackAddresses;
  readonly runDir: string;
  readonly secured: SecuredFront | undefined;
  readonly detours: readonly Detour[];
  readonly pids: Record<PartName, number>;
  stop(): Promise<void>;
  /** Resolves when the process is gone, or at once for SIGSTOP and SIGCONT. Default: SIGKILL. */
  killPart(part: PartName, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a killed part with the same port and data. Resolves when it is ready. */
  startPart(part: PartName): Promise<void>;
}

const READY_WITHIN_MS = 120_000;

export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const wanted = options.parts === undefined || options.parts.includes('connect') ? PART_NAMES : options.parts;
  const progress = options.onProgress ?? (() => {});
  const java = wanted.some((name) => name !== 'postgres') ? await findJava() : '';

  const guard = createGuard();
  const runDir = realpathSync(options.runDir ?? mkdtempSync(join(tmpdir(), 'lastseen-stack-')));
  guard.removeAtEnd(runDir);
  // The account of the Postgres server, if it is another one, needs access.
  chmodSync(runDir, 0o711);
  const logDir = join(runDir, 'logs');
  mkdirSync(logDir);

  const [postgresPort = 0, kafkaPort = 0, controllerPort = 0, registryPort = 0, connectPort = 0, securedPort = 0] =
    await freePorts(6);
  const detours: Detour[] = [];
  for (let n = 0; n < (options.detours ?? 0); n++) {
    const [port = 0, advertisedPort = 0] = await freePorts(2);
    detours.push({ port, advertisedPort });
  }
  const secured = options.secured === true ? await createSecuredFront(runDir, securedPort) : undefined;
  const artifacts = createArtifacts(STACK_ARTIFACTS, guard, logDir);
  const kafkaFiles = createKafkaFiles({ java, artifacts, guard, logDir });
  const brokers = `127.0.0.1:${kafkaPort}`;
  const postgres = createPostgres({
    guard,
    runDir,
    logDir,
    port: postgresPort,
    secured,
    settings: options.postgresSettings,
  });
  const parts: Record<PartName, Part> = {
    postgres,
    kafka: createKafka({ java, files: kafkaFiles, runDir, logDir, port: kafkaPort, controllerPort, secured, detours }),
    registry: createRegistry({ java, artifacts, runDir, logDir, port: registryPort }),
    connect: createConnect({
      java,
      artifacts,
      kafkaFiles,
      guard,
      runDir,
      logDir,
      port: connectPort,
      brokers,
      plugins: options.connectPlugins ?? [],
    }),
  };
  const running = new Map<PartName, Running>();
  const stopping = new AbortController();
  const abandon = () => stopping.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', abandon);

  const start = async (name: PartName): Promise<void> => {
    const part = parts[name];
    for (const port of part.ports) {
      if (!(await isFree(port)))
        throw new StackError(`port ${port} is used by another process: stop it, or start again`);
    }
    const command = part.command();
    const now: Running = { child: await startChild(guard, command), ended: false };
    running.set(name, now);
    let ending: string | undefined;
    void now.child.exited.then((how) => {
      ending = how;
    });
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await part.isReady().catch(() => false))) {
      stopping.signal.throwIfAborted();
      if (ending !== undefined)
        throw new StackError(`died while starting (${ending}); end of its log:${tailOf(command.logFile)}`);
      if (Date.now() > deadline) {
        throw new StackError(
          `not ready within ${READY_WITHIN_MS / 1_000} s; end of its log:${tailOf(command.logFile)}`,
        );
      }
      await sleep(100);
    }
    void now.child.exited.then((how) => {
      if (now.ended || stopping.signal.aborted) return;
      progress(name, 'failed', `${name} died (${how}); end of its log:${tailOf(command.logFile)}`);
    });
  };

  const bringUp = async (name: PartName): Promise<void> => {
    try {
      progress(name, 'resolving');
      await parts[name].prepare(() => progress(name, 'resolving', 'downloading (first run only)'));
      stopping.signal.throwIfAborted();
      progress(name, 'starting');
      await start(name);
      await parts[name].afterFirstStart?.();
      progress(name, 'ready');
    } catch (error) {
      if (stopping.signal.aborted) throw error;
      const failure = new StackError(`${name}: ${(error as Error).message}`, { cause: error });
      progress(name, 'failed', failure.message);
      throw failure;
    }
  };

  const stop = (): Promise<void> => {
    stopping.abort();
    return guard.close();
  };

  const bringingUp = wanted.map(bringUp);
  try {
    const abandoned = new Promise<never>((_, reject) => {
      stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason));
    });
    abandoned.catch(() => {});
    await Promise.race([abandoned, Promise.all(bringingUp)]);
  } catch (error) {
    await stop();
    // A part may have written after the removal.
    await Promise.allSettled(bringingUp);
    await rm(runDir, { recursive: true, force: true });
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abandon);
  }

  const runningPart = (name: PartName): Running => {
    const now = running.get(name);
    if (now === undefined) throw new StackError(`${name} is not part of this stack`);
    return now;
  };

  return {
    addresses: {
      databaseUrl: postgres.url,
      brokers,
      registryUrl: `http://127.0.0.1:${registryPort}/apis/ccompat/v7`,
      registryV2Url: `http://127.0.0.1:${registryPort}/apis/registry/v2`,
      connectUrl: `http://127.0.0.1:${connectPort}`,
      postgresPort,
    },
    runDir,
    secured,
    detours,
    get pids() {
      return Object.fromEntries([...running].map(([name, { child }]) => [name, child.pid])) as Record<PartName, number>;
    },
    stop,
    async killPart(name, signal = 'SIGKILL') {
      const now = runningPart(name);
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return signalGroup(now.child.pid, signal);
      now.ended = true;
      await endTree(now.child.pid, signal);
      await now.child.exited;
    },
    async startPart(name) {
      const before = runningPart(name);
      if (!before.ended) throw new StackError(`${name} is already running: kill it first`);
      await start(name);
    },
  };
}
