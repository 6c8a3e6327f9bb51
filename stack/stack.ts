/**
 * The servers that lastseen uses, on free ports of 127.0.0.1, without a container engine. Each server has its own file in
 * servers/; supervisor.ts starts and kills them.
 */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuard, type Guard } from './guard.ts';
import { PART_NAMES, type Part, type PartName } from './part.ts';
import { freePorts } from './ports.ts';
import { createArtifacts, STACK_ARTIFACTS } from './servers/artifacts.ts';
import { createConnect } from './servers/connect.ts';
import { findJava } from './servers/java.ts';
import { createKafka, createKafkaFiles, type Detour } from './servers/kafka.ts';
import { createPostgres } from './servers/postgres.ts';
import { createRegistry } from './servers/registry.ts';
import { createSecuredFront, type SecuredFront } from './servers/secured.ts';
import { createSupervisor, type PartState } from './supervisor.ts';

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

export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const wanted = options.parts === undefined || options.parts.includes('connect') ? PART_NAMES : options.parts;
  const java = wanted.some((name) => name !== 'postgres') ? await findJava() : '';
  const guard = createGuard();
  const runDir = realpathSync(options.runDir ?? mkdtempSync(join(tmpdir(), 'lastseen-stack-')));
  guard.removeAtEnd(runDir);
  // The account of the Postgres server, if it is another one, needs access.
  chmodSync(runDir, 0o711);
  const { parts, addresses, secured, detours } = await layOut(options, java, guard, runDir);
  const stopping = new AbortController();
  const supervisor = createSupervisor({
    parts,
    guard,
    stopping: stopping.signal,
    onProgress: options.onProgress ?? (() => {}),
  });
  const stop = (): Promise<void> => {
    stopping.abort();
    return guard.close();
  };

  const abandon = () => stopping.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', abandon);
  const bringingUp = wanted.map(supervisor.bringUp);
  try {
    await Promise.race([rejectOnAbort(stopping.signal), Promise.all(bringingUp)]);
  } catch (error) {
    await stop();
    // A part may have written after the removal.
    await Promise.allSettled(bringingUp);
    await rm(runDir, { recursive: true, force: true });
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abandon);
  }
  return {
    addresses,
    runDir,
    secured,
    detours,
    get pids() {
      return supervisor.pids();
    },
    stop,
    killPart: (name, signal = 'SIGKILL') => supervisor.kill(name, signal),
    startPart: supervisor.restart,
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  aborted.catch(() => {});
  return aborted;
}

interface Layout extends Pick<RunningStack, 'addresses' | 'secured' | 'detours'> {
  readonly parts: Readonly<Record<PartName, Part>>;
}

/** Chooses the ports, and creates all parts without starting them. */
async function layOut(options: StackOptions, java: string, guard: Guard, runDir: string): Promise<Layout> {
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
  const shared = { java, artifacts, kafkaFiles, guard, runDir, logDir };
  const postgres = createPostgres({ ...shared, port: postgresPort, secured, settings: options.postgresSettings });
  return {
    parts: {
      postgres,
      kafka: createKafka({ ...shared, files: kafkaFiles, port: kafkaPort, controllerPort, secured, detours }),
      registry: createRegistry({ ...shared, port: registryPort }),
      connect: createConnect({ ...shared, port: connectPort, brokers, plugins: options.connectPlugins ?? [] }),
    },
    addresses: {
      databaseUrl: postgres.url,
      brokers,
      registryUrl: `http://127.0.0.1:${registryPort}/apis/ccompat/v7`,
      registryV2Url: `http://127.0.0.1:${registryPort}/apis/registry/v2`,
      connectUrl: `http://127.0.0.1:${connectPort}`,
      postgresPort,
    },
    secured,
    detours,
  };
}
