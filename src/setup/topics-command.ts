import type { Command } from 'commander';
import { openKafka } from '../cli/connections.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { createTopics, type TopicSpec } from '../kafka/admin/admin.ts';
import { type Difference, differencesOf } from '../kafka/admin/topic-differences.ts';
import { readTopicSettings, type TopicSettings } from '../kafka/admin/topic-settings.ts';
import { originTopics, topicSpecs } from './topic-specs.ts';

interface Flags extends OutputFlags {
  readonly check?: true;
}

interface TopicState {
  readonly topic: string;
  readonly state: 'created' | 'ok' | 'differs' | 'missing';
  readonly differences: readonly Difference[];
}

export function addTopics(program: Command): void {
  program
    .command('topics')
    .description('create missing source topics and own topics; existing topics are not changed')
    .option('--check', 'create nothing; exit with 1 if a topic is missing or differs')
    .option('--json', 'print the result as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nFor existing own topics it prints which partitions, replicas or settings are insufficient, and the commands that\n' +
        'fix them. It changes and deletes nothing itself.\n' +
        '\nExamples:\n  TOPIC_REPLICATION=3 lastseen topics\n  lastseen topics --check --json',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'topics',
        needs: ['kafka'],
        printConfig: flags.printConfig,
        async work(context) {
          const topics = await createOrCheck(context, flags.check === true);
          context.print(flags.json ? json({ topics }) : page(topics));
          const isComplete = topics.every(({ state }) => state === 'created' || state === 'ok');
          return flags.check && !isComplete ? EXIT.failed : EXIT.done;
        },
      }),
    );
}

async function createOrCheck(context: CommandContext, check: boolean): Promise<TopicState[]> {
  const { settings } = context;
  const kafka = openKafka(context);
  const create = (specs: readonly TopicSpec[]) => (check ? [] : createTopics(kafka, specs));
  const created = new Set(await create(originTopics(settings)));
  const names = topicSpecs(settings, []).map(({ topic }) => topic);
  const existing = await readTopicSettings(kafka, names);
  const specs = topicSpecs(settings, existing);
  for (const topic of await create(specs)) created.add(topic);
  return specs.map((spec) => topicState(spec, created.has(spec.topic), existing));
}

function topicState(spec: TopicSpec, isCreated: boolean, existing: readonly TopicSettings[]): TopicState {
  const { topic } = spec;
  const found = existing.find((each) => each.topic === topic);
  if (isCreated) return { topic, state: 'created', differences: [] };
  if (found === undefined) return { topic, state: 'missing', differences: [] };
  const differences = differencesOf(spec, found);
  return { topic, state: differences.length === 0 ? 'ok' : 'differs', differences };
}

function page(topics: readonly TopicState[]): string {
  const rows = topics.map(({ topic, state, differences }) => [
    topic,
    state,
    differences.map(({ what, is, wanted }) => `${what} is ${is}, not ${wanted}`).join('; '),
  ]);
  const hints = topics.flatMap(({ topic, differences }) =>
    differences.map(({ what, hint }) => `${topic}, ${what}: ${hint}`),
  );
  return [table(['topic', 'state', 'differs in'], rows), ...hints].join('\n');
}
