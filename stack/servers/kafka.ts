import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import { StackError, tailOf } from '../errors.ts';
import type { Guard } from '../guard.ts';
import type { Part } from '../part.ts';
import type { Artifacts } from './artifacts.ts';
import { jvmFlags, log4jFlag } from './java.ts';
import { brokersInService } from './kafka-ready.ts';
import { KAFKA_PASSWORD, KAFKA_USER, type SecuredFront, securedListener } from './secured.ts';

/** Kafka's jars beside the formatted directory; Connect's tools need the same. */
export type KafkaFiles = (onDownload: () => void) => Promise<string>;

interface KafkaOptions {
  readonly java: string;
  readonly files: KafkaFiles;
  readonly runDir: string;
  readonly logDir: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly secured?: SecuredFront | undefined;
  readonly detours: readonly Detour[];
}

/** A listener that advertises another port than its own, so that a proxy on that port is between broker and clients. */
export interface Detour {
  /** Where the broker listens. */
  readonly port: number;
  /** The port that clients are sent to. The caller starts the proxy that listens on it. */
  readonly advertisedPort: number;
}

const CLUSTER_ID = 'bGFzdHNlZW4tc3RhY2stMQ';

interface Listeners {
  readonly port: number;
  readonly controllerPort: number;
  readonly secured?: SecuredFront | undefined;
  readonly detours: readonly Detour[];
}

function serverProperties(logDirs: string, { port, controllerPort, secured, detours }: Listeners): string {
  const front = secured === undefined ? [] : [`SECURED://127.0.0.1:${secured.kafkaPort}`];
  const listening = detours.map((detour, n) => `DETOUR${n}://127.0.0.1:${detour.port}`);
  const advertised = detours.map((detour, n) => `DETOUR${n}://127.0.0.1:${detour.advertisedPort}`);
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [
      `PLAINTEXT://127.0.0.1:${port}`,
      `CONTROLLER://127.0.0.1:${controllerPort}`,
      ...front,
      ...listening,
    ].join(','),
    'advertised.listeners': [`PLAINTEXT://127.0.0.1:${port}`, ...front, ...advertised].join(','),
    'listener.security.protocol.map': [
      'PLAINTEXT:PLAINTEXT',
      'CONTROLLER:PLAINTEXT',
      'SECURED:SASL_SSL',
      ...detours.map((_, n) => `DETOUR${n}:PLAINTEXT`),
    ].join(','),
    ...(secured === undefined ? {} : securedListener(secured)),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logDirs,
    'auto.create.topics.enable': false,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // The default of 128 MB is taken from the heap at the first compacted topic.
    'log.cleaner.dedupe.buffer.size': 16_777_216,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** What `kafka-storage format` writes knows neither ports nor paths: it is made once and copied into each run. */
async function format(java: string, guard: Guard, jars: string, logDir: string): Promise<void> {
  const properties = join(jars, 'format.properties');
  writeFileSync(
    properties,
    serverProperties(join(jars, 'formatted'), { port: 9092, controllerPort: 9093, detours: [] }),
  );
  const logFile = join(logDir, 'kafka-format.log');
  const formatting = await startChild(guard, {
    command: java,
    args: [
      ...jvmFlags({ heapMb: 128, tempDir: logDir, quickStart: true }),
      log4jFlag(),
      ...['-cp', join(jars, '*'), 'kafka.tools.StorageTool'],
      ...['format', '--cluster-id', CLUSTER_ID, '--config', properties],
      ...['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${KAFKA_USER},password=${KAFKA_PASSWORD}]`,
      ]),
    ],
    logFile,
  });
  const exit = await formatting.exited;
  if (exit !== 'exited with code 0') throw new StackError(`Kafka's storage tool ${exit}:${tailOf(logFile)}`);
}

export function createKafkaFiles(options: {
  readonly java: string;
  readonly artifacts: Artifacts;
  readonly guard: Guard;
  readonly logDir: string;
}): KafkaFiles {
  const { java, artifacts, guard, logDir } = options;
  return (onDownload) => artifacts.resolve('kafka', onDownload, (directory) => format(java, guard, directory, logDir));
}

export function createKafka(options: KafkaOptions): Part {
  const { java, files, runDir, logDir, port, controllerPort, secured, detours } = options;
  const home = join(runDir, 'kafka');
  const properties = join(home, 'server.properties');
  let jars = '';

  return {
    ports: [
      port,
      controllerPort,
      ...(secured === undefined ? [] : [secured.kafkaPort]),
      ...detours.map((detour) => detour.port),
    ],

    async prepare(onDownload) {
      jars = await files(onDownload);
      mkdirSync(join(home, 'tmp'), { recursive: true });
      cpSync(join(jars, 'formatted'), join(home, 'data'), { recursive: true });
      writeFileSync(properties, serverProperties(join(home, 'data'), { port, controllerPort, secured, detours }));
    },

    command: () => ({
      command: java,
      args: [
        ...jvmFlags({ heapMb: 512, tempDir: join(home, 'tmp'), quickStart: false }),
        log4jFlag(),
        ...['-cp', join(jars, '*'), 'kafka.Kafka', properties],
      ],
      cwd: home,
      logFile: join(logDir, 'kafka.log'),
    }),

    isReady: async () => (await brokersInService(port)) === 1,
  };
}
