import { createRandom, type Random } from '../../stack/random.ts';
import { asRole, roleOf } from '../../stack/roles.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import type { StartedCli } from '../support/lastseen-cli.ts';
import { createWorld, type World, type WorldOptions } from '../support/world.ts';
import { startProxy, type TcpProxy } from './proxy.ts';

/** Proxies in front of the three servers that lastseen or the connector uses. */
export interface Proxies {
  readonly kafka: TcpProxy;
  readonly postgres: TcpProxy;
  readonly registry: TcpProxy;
}

/** A real stack behind proxies, for worlds and faults. */
export interface Harness {
  readonly stack: RunningStack;
  readonly lastseenProxies: Proxies;
  readonly connectorProxies: Proxies;
  /** A random number in [0, 1). */
  readonly random: Random;
  /** Restarts `random` with the seed and the name, so that its numbers do not depend on earlier faults. */
  reseed(name: string): void;
  readonly openWorld: (options?: WorldOptions) => Promise<World>;
  close(): Promise<void>;
}

export interface HarnessOptions {
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

export async function openHarness({ seed, onProgress }: HarnessOptions): Promise<Harness> {
  const stack = await startStack({
    secured: true,
    detours: 2,
    onProgress: (part, state, detail) => {
      if (state !== 'starting') onProgress(`${part} ${state}${detail === undefined ? '' : `: ${detail}`}`);
    },
  });
  try {
    const [ofLastseen, ofConnector] = stack.detours;
    if (ofLastseen === undefined || ofConnector === undefined) throw new Error('the stack has no detours');
    const { postgresPort, registryUrl } = stack.addresses;
    const startProxies = async (detour: typeof ofLastseen): Promise<Proxies> => ({
      kafka: await startProxy(detour.port, { port: detour.advertisedPort }),
      postgres: await startProxy(postgresPort),
      registry: await startProxy(Number(new URL(registryUrl).port)),
    });
    const lastseenProxies = await startProxies(ofLastseen);
    const connectorProxies = await startProxies(ofConnector);
    let random = createRandom(`${seed}`);
    return {
      stack,
      lastseenProxies,
      connectorProxies,
      random: () => random(),
      reseed(name) {
        random = createRandom(`${seed} ${name}`);
      },
      openWorld: (options = {}) =>
        createWorld({
          stack: stack.addresses,
          ...options,
          connector: { ...connectorThroughProxies(connectorProxies, stack), ...options.connector },
        }),
      async close() {
        for (const proxy of [lastseenProxies, connectorProxies].flatMap(
          (proxies) => Object.values(proxies) as TcpProxy[],
        )) {
          await proxy.close();
        }
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** Connector settings that use the proxies. */
function connectorThroughProxies(
  { kafka, postgres, registry }: Proxies,
  { addresses }: RunningStack,
): Record<string, string> {
  const registryUrl = atPort(addresses.registryV2Url, registry.port);
  return {
    'producer.override.bootstrap.servers': `127.0.0.1:${kafka.port}`,
    'database.port': String(postgres.port),
    'key.converter.apicurio.registry.url': registryUrl,
    'value.converter.apicurio.registry.url': registryUrl,
  };
}

/** Environment of a command that uses the proxies. */
export function envThroughProxies(
  { kafka, postgres, registry }: Proxies,
  world: World,
  command: string,
): Record<string, string> {
  const { DATABASE_URL: databaseUrl = '', SCHEMA_REGISTRY_URL: registryUrl = '' } = world.env;
  return {
    KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
    DATABASE_URL: atPort(asRole(databaseUrl, roleOf(command)), postgres.port),
    SCHEMA_REGISTRY_URL: atPort(registryUrl, registry.port),
  };
}

function atPort(url: string, port: number): string {
  return Object.assign(new URL(url), { port: String(port) }).href;
}

/** Like a Deployment with one replica: a process that exits is started again. */
export interface Service {
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM and does not start it again. Rejects if it does not exit in time. */
  stop(): Promise<void>;
  /** Exit code and end of stderr of each process that exited, newest last. */
  readonly ends: readonly string[];
}

const BACK_OFF_MS = 300;
const STOP_DEADLINE_MS = 30_000;

export function keepRunning(world: World, env: Readonly<Record<string, string>>, command: string): Service {
  let stopping = false;
  let running: StartedCli;
  const ends: string[] = [];
  const start = () => {
    running = world.start(env, command);
    void running.ended.then(async ({ code, stderr }) => {
      ends.push(`${command} ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`);
      await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS));
      if (!stopping) start();
    });
  };
  start();
  return {
    kill: (signal) => void running.process.kill(signal),
    async stop() {
      stopping = true;
      running.process.kill('SIGTERM');
      let isOverdue = false;
      const overdue = setTimeout(() => {
        isOverdue = true;
        running.process.kill('SIGKILL');
      }, STOP_DEADLINE_MS);
      await running.ended;
      clearTimeout(overdue);
      if (isOverdue) throw new Error(`${command} did not stop within ${STOP_DEADLINE_MS / 1_000} s`);
    },
    ends,
  };
}
