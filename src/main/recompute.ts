import type { Command } from 'commander';
import { requireTopics } from '../kafka/admin.ts';
import { createProducer } from '../kafka/producer.ts';
import { createDeadLetterLimit, createDeadLetterSink } from '../pipelines/dead-letters.ts';
import { createKpiRelay } from '../pipelines/kpi-relay.ts';
import { createRecompute, type RecomputeCounts } from '../pipelines/recompute.ts';
import type { Database } from '../postgres/database.ts';
import { openKafka, openRegistry, withDatabase, withSourceDatabase } from './connections.ts';
import { inactivityCodec, kpiUpdatedCodec } from './event-codecs.ts';
import { figureDeps } from './figure-deps.ts';
import { RECOMPUTE_GROUP } from './groups.ts';
import { type CommandContext, EXIT, runCommand } from './process.ts';
import { readTopics } from './read-topics.ts';
import { inactivityRelay, relayingBeside } from './relays.ts';
import { json, table } from './tables.ts';

interface Flags {
  readonly untilEnd?: true;
  readonly json?: true;
  readonly printConfig?: true;
}

export function addRecompute(program: Command): void {
  program
    .command('recompute')
    .description('answer inactivity events with fresh P and S in weekly_kpi, continuously')
    .option('--until-end', 'stop where the topic ends now, and print what was done')
    .option('--json', 'print the summary as JSON')
    .option('--print-config', 'print the effective configuration and end')
    .action((flags: Flags) =>
      runCommand({
        name: 'recompute',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) =>
          withDatabase(context, (database) =>
            withSourceDatabase(context, (source) => run(context, flags, database, source)),
          ),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database, source: Database): Promise<number> {
  const { settings, log } = context;
  const kafka = openKafka(context);
  await requireTopics(kafka, [settings.INACTIVITY_TOPIC, settings.KPI_UPDATED_TOPIC, settings.RECOMPUTE_DLQ_TOPIC]);
  const registry = openRegistry(settings);
  const inactivity = await inactivityCodec(settings, registry);
  const kpiUpdated = await kpiUpdatedCodec(settings, registry);

  const producer = createProducer(kafka);
  const deadLetters = createDeadLetterSink(producer, settings.RECOMPUTE_DLQ_TOPIC);
  const relayUpdates = createKpiRelay({
    database,
    producer,
    topic: settings.KPI_UPDATED_TOPIC,
    encode: kpiUpdated.encode,
  });
  const summary: Partial<RecomputeCounts> = {};
  const stages = createRecompute({
    ...figureDeps(context, source, database),
    decode: async (value) => {
      const decoded = await inactivity.decode(value);
      if (decoded.kind === 'event') return decoded.event;
      throw new Error(decoded.detail);
    },
    deadLetters,
    failedLearners: deadLetters,
    deadLetterLimit: createDeadLetterLimit(settings.DLQ_MAX_SHARE),
    onApplied: (counts) => {
      addCounts(summary, counts);
      log.info({ event: 'recomputed', ...counts }, 'recomputed');
    },
  });

  try {
    const relayInactivity = await inactivityRelay(context, registry, database, producer);
    await relayingBeside(context, relayUpdates, [relayInactivity], () =>
      readTopics(context, {
        kafka,
        groupId: settings.KAFKA_GROUP_ID ?? RECOMPUTE_GROUP,
        topics: [settings.INACTIVITY_TOPIC],
        stages,
        untilEnd: flags.untilEnd === true,
      }),
    );
  } finally {
    await producer.close();
  }
  context.print(flags.json ? json(summary) : table(['what', 'count'], Object.entries(summary)));
  return EXIT.done;
}

function addCounts(total: Partial<RecomputeCounts>, counts: RecomputeCounts): void {
  for (const [name, count] of Object.entries(counts) as [keyof RecomputeCounts, number][]) {
    total[name] = (total[name] ?? 0) + count;
  }
}
