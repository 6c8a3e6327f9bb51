import { freePorts } from '../../stack/ports.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from '../faults/harness.ts';
import { until } from '../faults/waiting.ts';
import type { CliRun } from '../support/lastseen-cli.ts';
import type { World } from '../support/world.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

/** A world on the real stack that Prometheus scrapes. `track` and `recompute` run unless a fault has stopped them. */
export interface AlertWorld {
  readonly harness: Harness;
  readonly world: World;
  readonly prometheus: Prometheus;
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** Throws if the exit code is not one of `codes`. */
  lastseen(codes: readonly number[], ...args: string[]): Promise<CliRun>;
  start(...commands: Command[]): void;
  stop(...commands: Command[]): Promise<void>;
  /** Starts one more `track`, with options for its Node. */
  startSecondTrack(nodeOptions: string): Service;
  /** Registers the connector, and waits until `track` has applied all rows. */
  connect(): Promise<void>;
  close(): Promise<void>;
}

type Command = 'track' | 'recompute';

export async function openAlertWorld(harness: Harness): Promise<AlertWorld> {
  const world = await harness.openWorld({ env: { RECOMPUTE_RETRY_DELAY: '5s', WAIT_FRESH: '60s' } });
  const [trackPort = 0, recomputePort = 0, secondTrackPort = 0] = await freePorts(3);
  const ports = { track: trackPort, recompute: recomputePort };
  const prometheus = await startPrometheus(
    [trackPort, recomputePort, secondTrackPort].map((port) => `127.0.0.1:${port}`),
  );
  const services = new Map<Command, Service>();
  const run = (command: Command, port: number, more: Readonly<Record<string, string>> = {}) => {
    const env = {
      ...envThroughProxies(harness.lastseenProxies, world, command),
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(port),
      ...more,
    };
    return keepRunning(world, env, command);
  };
  const stop = async (...commands: Command[]) => {
    for (const command of commands) {
      const service = services.get(command);
      services.delete(command);
      await service?.stop();
    }
  };
  const sql = async (text: string) => (await world.database.query<Record<string, unknown>>({ text })).rows;
  return {
    harness,
    world,
    prometheus,
    sql,
    async lastseen(codes, ...args) {
      const ended = await world.lastseen(...args);
      if (!codes.includes(ended.code ?? -1)) {
        throw new Error(`lastseen ${args.join(' ')} ended with ${ended.code}:\n${ended.stderr}`);
      }
      return ended;
    },
    start(...commands) {
      for (const command of commands) services.set(command, run(command, ports[command]));
    },
    stop,
    startSecondTrack: (nodeOptions) => run('track', secondTrackPort, { NODE_OPTIONS: nodeOptions }),
    async connect() {
      await world.connect();
      await world.waitForDelivery();
      const missing = () =>
        sql('SELECT FROM session LEFT JOIN lastseen.user_last_seen t USING (user_id) WHERE t.session_at IS NULL');
      const { seen } = await until(missing, (rows) => rows.length === 0, 60_000);
      if (seen.length > 0)
        throw new Error(`track did not apply what was loaded: ${services.get('track')?.ends.join('\n')}`);
    },
    async close() {
      await stop('track', 'recompute')
        .finally(() => world.close())
        .finally(() => prometheus.stop());
    },
  };
}
