import type { Command } from 'commander';
import { MICROS_PER_MS } from '../activity/instant.ts';
import {
  openKafka,
  openRegistry,
  untilGraceDeadline,
  withDatabase,
  withSlotDatabase,
  withSourceDatabase,
} from '../cli/connections.ts';
import { lagSample } from '../cli/lag-sample.ts';
import { runBeforeStart } from '../cli/outage-waits.ts';
import { type ConsumerState, type SampleSources, withProbes } from '../cli/probes.ts';
import { readTopics } from '../cli/read-topics.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { type WorkReport, withWorkReport } from '../cli/work-report.ts';
import { groupOf, groupSetting } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { createDeadLetterSink, createDeadLetterWindow, withLetterReports } from '../dead-letters/dead-letter.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../events/outboxes.ts';
import { outboxSample } from '../events/samples.ts';
import { inactivityCodec, inactivityRelay, kpiUpdatedRelay, ownEventsCheck, relayWhile } from '../events/wiring.ts';
import { type SourceDatabases, sourcePrimary } from '../freshness/replication-store.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { requireOwnGroup } from '../kafka/admin/groups.ts';
import { groupLag } from '../kafka/admin/offsets.ts';
import { createProducer } from '../kafka/client/producer.ts';
import { requireReadableInputs } from '../kpi/inputs/pipeline.ts';
import { figureDeps } from '../kpi/wiring.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Database } from '../postgres/database.ts';
import { createReplica } from '../postgres/replica.ts';
import { requireSound } from '../preflight/start-pipeline.ts';
import { snakeCase } from '../runtime/snake-keys.ts';
import { requireOwnTables } from '../setup/wiring.ts';
import { createRecompute, type RecomputeCounts } from './pipeline.ts';
import { createRetrySink, retryDelay } from './retries.ts';

interface Flags extends OutputFlags {
  readonly untilEnd?: true;
}

export function addRecompute(program: Command): void {
  program
    .command('recompute')
    .description('answer inactivity events with fresh P and S in weekly_kpi, continuously')
    .option('--until-end', 'stop at the current end of the topics, or at retries not yet due, and print a summary')
    .option('--json', 'print the summary as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `\nExamples:\n  lastseen recompute\n  METRICS_PROFILE=legacy lastseen recompute --until-end --json`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'recompute',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) =>
          withDatabase(context, (database) =>
            withSlotDatabase(context, database, (slotDatabase) =>
              withSourceDatabase(context, (source) =>
                withProbes(context, samples, (state) =>
                  withWorkReport(context, state.partitions, flags.untilEnd === true, (report) =>
                    run(context, flags, { database, slotDatabase, source }, { state, report }),
                  ),
                ),
              ),
            ),
          ),
      }),
    );
}

const MAX_EVENTS_PER_ROUND = 10_000;

const topicsOf = (settings: Settings) => [settings.INACTIVITY_TOPIC, settings.RECOMPUTE_RETRY_TOPIC];

function samples(sources: SampleSources): readonly Sample[] {
  const { context, database } = sources;
  const { settings, metrics } = context;
  return [
    lagSample(sources, groupOf(settings, 'recompute'), topicsOf(settings)),
    outboxSample(metrics, database, INACTIVITY_OUTBOX),
    outboxSample(metrics, database, KPI_UPDATED_OUTBOX),
  ];
}

interface Running {
  readonly state: ConsumerState;
  readonly report: WorkReport;
}

interface Databases extends SourceDatabases {
  readonly source: Database;
}

async function run(
  context: CommandContext,
  flags: Flags,
  { database, slotDatabase, source }: Databases,
  { state, report }: Running,
): Promise<number> {
  const { settings, log, metrics } = context;
  const begin = <T>(work: () => Promise<T>) => runBeforeStart(context, state, flags.untilEnd !== true, work);
  await begin(() => requireOwnTables(context, database));
  const primary = await begin(() => sourcePrimary({ database, slotDatabase }));
  const kafka = openKafka(context);
  const retryTopic = settings.RECOMPUTE_RETRY_TOPIC;
  const nowMs = () => Number(context.now() / MICROS_PER_MS);
  await begin(() =>
    requireTopics(kafka, [
      settings.INACTIVITY_TOPIC,
      settings.KPI_UPDATED_TOPIC,
      retryTopic,
      settings.RECOMPUTE_DLQ_TOPIC,
    ]),
  );
  const group = {
    groupId: groupOf(settings, 'recompute'),
    setting: groupSetting(settings),
    topics: topicsOf(settings),
  };
  await begin(() => requireOwnGroup(kafka, group, settings.KAFKA_SESSION_TIMEOUT));
  const ownTopics = [settings.INACTIVITY_TOPIC, settings.KPI_UPDATED_TOPIC];
  await begin(() => requireSound(context, [ownEventsCheck(kafka, database, ownTopics)], true));
  const figures = figureDeps(context, source, database);
  await begin(() => requireReadableInputs(figures, context.now()));
  const registry = openRegistry(settings);
  const inactivity = await begin(() => inactivityCodec(settings, registry));

  const producer = createProducer(kafka);
  const deadLetters = withLetterReports(createDeadLetterSink(producer, settings.RECOMPUTE_DLQ_TOPIC), {
    metrics,
    log,
    onLetters: report.addDeadLetters,
  });

  const summary: Partial<RecomputeCounts & { waiting: number }> = {};
  const stages = createRecompute({
    ...figures,
    decode: async (value) => {
      const decoded = await inactivity.decode(value);
      if (decoded.kind === 'event') return decoded.event;
      throw new Error(decoded.detail);
    },
    deadLetters,
    failedLearners: createRetrySink({
      producer,
      topic: retryTopic,
      delayMs: settings.RECOMPUTE_RETRY_DELAY,
      nowMs,
      deadLetters,
    }),
    retryTopic,
    deadLetterLimit: createDeadLetterWindow(settings.DLQ_MAX_SHARE),
    replica:
      (settings.SOURCE_DATABASE_URL ?? settings.SLOT_DATABASE_URL) === undefined
        ? undefined
        : createReplica(primary, source),
    onFigures: ({ P, S }) => {
      if (typeof P === 'number') metrics.goalProbability.observe(P);
      if (typeof S === 'number') metrics.churnRisk.observe(S);
    },
    onApplied: (counts) => {
      addCounts(summary, counts);
      for (const [what, count] of Object.entries(counts)) metrics.recompute.inc({ what: snakeCase(what) }, count);
      const { events, learners, ...others } = counts;
      report.add({ records: events, learners, counts: others });
      log.debug({ event: 'batch_recomputed', ...counts }, 'recomputed');
    },
  });

  try {
    const relayInactivity = await begin(() => inactivityRelay(context, registry, database, producer));
    const relayKpis = await begin(() => kpiUpdatedRelay(context, registry, database, producer));
    await relayWhile(context, relayKpis, [relayInactivity], () =>
      readTopics(context, {
        kafka,
        groupId: groupOf(settings, 'recompute'),
        topics: topicsOf(settings),
        stages,
        state,
        report,
        untilEnd: flags.untilEnd === true,
        delay: retryDelay(retryTopic, nowMs),
        // Few events are of the same learner, so a longer delay would fold nothing and only use memory.
        limits: {
          maxDelayBehindMs: settings.FLUSH_MAX_DELAY,
          maxRows: Math.min(settings.FLUSH_MAX_ROWS, MAX_EVENTS_PER_ROUND),
        },
      }),
    );
    if (flags.untilEnd) {
      const lags = await groupLag(kafka, groupOf(settings, 'recompute'), [retryTopic]);
      summary.waiting = lags.reduce((sum, { records }) => sum + Number(records), 0);
    }
  } finally {
    await untilGraceDeadline(context, producer.close());
  }
  context.print(flags.json ? json(summary) : table(['what', 'count'], Object.entries(summary)));
  return EXIT.done;
}

function addCounts(total: Partial<RecomputeCounts>, counts: RecomputeCounts): void {
  for (const [name, count] of Object.entries(counts) as [keyof RecomputeCounts, number][]) {
    total[name] = (total[name] ?? 0) + count;
  }
}
