import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findJava } from '../../stack/servers/java.ts';
import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';
import { startMeasured } from '../measured.ts';
import { peerArtifacts, resolveStreams } from '../peers/artifacts.ts';
import { wrongRows } from './result.ts';
import { throughput } from './throughput.ts';

/** A Kafka Streams program that keeps the latest instant per learner (LastSeenStreams.java). It writes to no database. */
export function kafkaStreamsSide(harness: Harness, load: Load, threads: 1 | 2): Side {
  let java = '';
  let classPath = '';
  const name = threads === 2 ? 'kafka-streams' : 'kafka-streams.one-thread';
  return {
    name,
    async prepare() {
      java = await findJava();
      classPath = await resolveStreams(peerArtifacts(harness.guard, harness.workDir), java, harness.workDir, () =>
        harness.note('  downloading Kafka Streams, this once'),
      );
    },
    async run(round) {
      const application = `${load.prefix}-${name}-${round}`;
      const table = join(harness.workDir, `${application}.tsv`);
      const { brokers, registryUrl } = harness.addresses;
      const before = await harness.readServerUse();
      const run = await startMeasured(harness.guard, {
        command: java,
        args: [
          ...['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, 'LastSeenStreams'],
          ...[brokers, registryUrl, load.topic, application],
          ...[join(harness.workDir, application), String(load.records), table, String(threads)],
        ],
      });
      const startedAt = await harness.waitForMembers(application, run.ended);
      const { endedAt } = (await run.ended).json<{ endedAt: number }>();
      const after = await harness.readServerUse();
      const wrong = wrongRows(load, readTable(table));
      if (wrong > 0)
        throw new Error(`Kafka Streams has ${wrong} learners with another instant than the latest of their records`);
      await dropTopicsOf(application);
      return throughput({ records: load.records, startedAt, endedAt, run, before, after });
    },
  };

  async function dropTopicsOf(application: string): Promise<void> {
    const topics = (await harness.admin.listTopics()).filter((topic) => topic.startsWith(`${application}-`));
    await harness.admin.deleteTopics({ topics });
  }
}

function readTable(file: string): Map<string, bigint> {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return new Map(
    lines.map((line) => {
      const [userId = '', at = ''] = line.split('\t');
      return [userId, BigInt(at)];
    }),
  );
}
