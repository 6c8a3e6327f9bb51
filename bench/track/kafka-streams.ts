import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findJava } from '../../stack/java.ts';
import type { Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import type { Load } from '../load/load.ts';
import { startMeasured } from '../measured.ts';
import { peerArtifacts, resolveStreams } from '../peers/artifacts.ts';
import { wrongRows } from './result.ts';
import { throughput } from './throughput.ts';

/** A Kafka Streams program that keeps the latest instant a learner; see LastSeenStreams.java. It writes to no database. */
export function kafkaStreamsSide(ground: Ground, load: Load, threads: 1 | 2): Side {
  let java = '';
  let classPath = '';
  const name = threads === 2 ? 'kafka-streams' : 'kafka-streams.one-thread';
  return {
    name,
    async prepare() {
      java = await findJava();
      classPath = await resolveStreams(peerArtifacts(ground.guard, ground.workDir), java, ground.workDir, () =>
        ground.note('  downloading Kafka Streams, this once'),
      );
    },
    async turn(round) {
      const application = `${load.prefix}-${name}-${round}`;
      const table = join(ground.workDir, `${application}.tsv`);
      const { brokers, registryUrl } = ground.addresses;
      const before = await ground.servers();
      const run = await startMeasured(ground.guard, {
        command: java,
        args: [
          ...['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, 'LastSeenStreams'],
          ...[brokers, registryUrl, load.topic, application],
          ...[join(ground.workDir, application), String(load.records), table, String(threads)],
        ],
      });
      const startedAt = await ground.joined(application, run.ended);
      const { endedAt } = (await run.ended).json<{ endedAt: number }>();
      const after = await ground.servers();
      const wrong = wrongRows(load, readTable(table));
      if (wrong > 0)
        throw new Error(`Kafka Streams left ${wrong} learners elsewhere than at the latest of their records`);
      await dropTopicsOf(application);
      return throughput({ records: load.records, startedAt, endedAt, run, before, after });
    },
  };

  async function dropTopicsOf(application: string): Promise<void> {
    const topics = (await ground.admin.listTopics()).filter((topic) => topic.startsWith(`${application}-`));
    await ground.admin.deleteTopics({ topics });
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
