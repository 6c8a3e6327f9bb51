import type { Command } from 'commander';
import { createTopics, type TopicSpec } from '../kafka/admin.ts';
import type { Settings } from '../runtime/settings.ts';
import { openKafka } from './connections.ts';
import { EXIT, runCommand } from './process.ts';
import { json, table } from './tables.ts';
import { sourceTopics } from './topic-names.ts';

interface Flags {
  readonly json?: true;
  readonly printConfig?: true;
}

export function addTopics(program: Command): void {
  program
    .command('topics')
    .description('create the source topics and own topics that are missing; existing ones stay as they are')
    .option('--json', 'print the result as JSON')
    .option('--print-config', 'print the effective configuration and end')
    .action((flags: Flags) =>
      runCommand({
        name: 'topics',
        needs: ['kafka'],
        printConfig: flags.printConfig,
        async work(context) {
          const { settings, print } = context;
          const kafka = openKafka(context);
          const specs = topicSpecs(settings);
          const created = await createTopics(kafka, specs);
          const rows = specs.map(({ topic }) => ({ topic, state: created.includes(topic) ? 'created' : 'exists' }));
          if (flags.json) print(json({ topics: rows }));
          else
            print(
              table(
                ['topic', 'state'],
                rows.map(({ topic, state }) => [topic, state]),
              ),
            );
          return EXIT.done;
        },
      }),
    );
}

/**
 * Source topics too: a subscription fails for all topics where one is missing, and a table's topic appears only with
 * its first row. Dead letters keep the record with a few headers more, hence the larger message limit.
 */
export function topicSpecs(settings: Settings): TopicSpec[] {
  const size = { partitions: settings.TOPIC_PARTITIONS, replication: settings.TOPIC_REPLICATION };
  const deadLetters = { 'max.message.bytes': String(1_048_588 + 65_536), 'retention.ms': '-1' };
  return [
    ...[...sourceTopics(settings).keys()].map((topic) => ({ topic, ...size })),
    { topic: settings.INACTIVITY_TOPIC, ...size },
    { topic: settings.KPI_UPDATED_TOPIC, ...size },
    { topic: settings.TRACK_DLQ_TOPIC, ...size, config: deadLetters },
    { topic: settings.RECOMPUTE_DLQ_TOPIC, ...size, config: deadLetters },
  ];
}
