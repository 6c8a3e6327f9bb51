import { mkdirSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import { StackError, tailOf } from '../errors.ts';
import type { Guard } from '../guard.ts';
import type { Part } from '../part.ts';
import type { Artifacts } from './artifacts.ts';
import { jvmFlags, log4jFlag } from './java.ts';
import type { KafkaFiles } from './kafka.ts';

interface ConnectOptions {
  readonly java: string;
  readonly artifacts: Artifacts;
  readonly kafkaFiles: KafkaFiles;
  readonly guard: Guard;
  readonly runDir: string;
  readonly logDir: string;
  readonly port: number;
  readonly brokers: string;
  /** Directories of more plugins, with their manifests. */
  readonly plugins: readonly string[];
}

function workerProperties(port: number, brokers: string, pluginPath: readonly string[]): string {
  return Object.entries({
    'bootstrap.servers': brokers,
    'group.id': 'connect',
    listeners: `http://127.0.0.1:${port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': pluginPath.join(','),
    // Scanning all classes of the plugins takes 12 s. addManifests gives the converter the manifest that it lacks.
    'plugin.discovery': 'service_load',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'config.storage.topic': 'connect-configs',
    'config.storage.replication.factor': 1,
    'offset.storage.topic': 'connect-offsets',
    'offset.storage.partitions': 1,
    'offset.storage.replication.factor': 1,
    'status.storage.topic': 'connect-status',
    'status.storage.partitions': 1,
    'status.storage.replication.factor': 1,
    // The replication slot is at most this far behind the records in Kafka.
    'offset.flush.interval.ms': 2_000,
    'connector.client.config.override.policy': 'All',
    // The only worker: after a kill, the next one must not wait for it.
    'scheduled.rebalance.max.delay.ms': 0,
    'session.timeout.ms': 6_000,
    'heartbeat.interval.ms': 2_000,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

export function createConnect(options: ConnectOptions): Part {
  const { java, artifacts, kafkaFiles, guard, runDir, logDir, port, brokers, plugins } = options;
  const home = join(runDir, 'connect');
  const properties = join(home, 'worker.properties');
  let jars = '';

  /** An entry of plugin.path holds one directory of jars per plugin. */
  const asPlugin = (name: string) => async (directory: string) => {
    const pluginJars = `${directory}-${name}`;
    await rename(directory, pluginJars);
    mkdirSync(directory);
    await rename(pluginJars, join(directory, name));
  };

  /** Adds the manifests that `service_load` needs to find plugins. */
  const addManifests = async (kafkaJars: string, directory: string) => {
    const logFile = join(logDir, 'plugin-manifests.log');
    const syncing = await startChild(guard, {
      command: java,
      args: [
        ...jvmFlags({ heapMb: 512, tempDir: logDir, quickStart: true }),
        log4jFlag(),
        ...['-cp', join(kafkaJars, '*'), 'org.apache.kafka.tools.ConnectPluginPath'],
        ...['sync-manifests', '--plugin-path', directory],
      ],
      logFile,
    });
    const exit = await syncing.exited;
    if (exit !== 'exited with code 0') throw new StackError(`Connect's plugin tool ${exit}:${tailOf(logFile)}`);
  };

  return {
    ports: [port],

    async prepare(onDownload) {
      const kafkaJars = await kafkaFiles(onDownload);
      jars = await artifacts.resolve('connect', onDownload);
      const debezium = await artifacts.resolve('debezium', onDownload, asPlugin('debezium-postgres'));
      const converter = await artifacts.resolve('converter', onDownload, async (directory) => {
        await asPlugin('apicurio-converter')(directory);
        await addManifests(kafkaJars, directory);
      });
      mkdirSync(join(home, 'tmp'), { recursive: true });
      writeFileSync(properties, workerProperties(port, brokers, [debezium, converter, ...plugins]));
    },

    command: () => ({
      command: java,
      args: [
        ...jvmFlags({ heapMb: 768, tempDir: join(home, 'tmp'), quickStart: false }),
        log4jFlag(),
        ...['-cp', join(jars, '*'), 'org.apache.kafka.connect.cli.ConnectDistributed', properties],
      ],
      cwd: home,
      logFile: join(logDir, 'connect.log'),
    }),

    async isReady() {
      const response = await fetch(`http://127.0.0.1:${port}/connectors`, { signal: AbortSignal.timeout(2_000) });
      return response.ok;
    },
  };
}
