import type { Command } from 'commander';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { openKafka, openRegistry, untilGraceDeadline, withDatabase, withSlotDatabase } from '../cli/connections.ts';
import { lagSample } from '../cli/lag-sample.ts';
import { runBeforeStart } from '../cli/outage-waits.ts';
import { type ConsumerState, type SampleSources, withProbes } from '../cli/probes.ts';
import { readTopics } from '../cli/read-topics.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { type WorkReport, withWorkReport } from '../cli/work-report.ts';
import { groupOf, groupSetting, sourceTopics } from '../config/kafka-names.ts';
import { slotName } from '../config/source-server.ts';
import { createDeadLetterSink, withLetterReports } from '../dead-letters/dead-letter.ts';
import { INACTIVITY_OUTBOX } from '../events/outboxes.ts';
import { outboxSample } from '../events/samples.ts';
import { inactivityRelay, ownEventsCheck, relayWhile } from '../events/wiring.ts';
import { captureSample, freshnessSample, slotSample } from '../freshness/samples.ts';
import { freshnessDeps, watchCaptureWhile } from '../freshness/wiring.ts';
import { auditSample, retentionSample, sweepSample } from '../history/samples.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { requireOwnGroup } from '../kafka/admin/groups.ts';
import { partitionBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { createProducer, type EventProducer } from '../kafka/client/producer.ts';
import { describeGap } from '../last-seen/gap.ts';
import { loadLetterWindow } from '../last-seen/letters-store.ts';
import { gapSample, letterSample } from '../last-seen/samples.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Database } from '../postgres/database.ts';
import { namesCheck, requireSourceTopics } from '../preflight/names-wiring.ts';
import { requireSound } from '../preflight/start-pipeline.ts';
import type { Registry } from '../registry/client.ts';
import { must } from '../runtime/must.ts';
import { requireOwnTables } from '../setup/wiring.ts';
import { TRACK_WINDOW } from './letters-pipeline.ts';
import { createOpenLetters } from './open-letters-pipeline.ts';
import {
  addOutcomeCounts,
  emptyOutcomeCounts,
  type OutcomeCounts,
  outcomeRows,
  sumOutcomes,
} from './outcome-counts.ts';
import { type AppliedFlush, createTrack, type TrackDeps } from './pipeline.ts';
import { createProgress } from './progress-pipeline.ts';
import { collectDeps } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly untilEnd?: true;
}

interface Summary {
  readonly counts: OutcomeCounts;
  rowsChanged: number;
  returned: number;
  transactions: number;
}

export function addTrack(program: Command): void {
  program
    .command('track')
    .description('apply change records to the last-seen table, continuously')
    .option('--until-end', 'stop at the current ends of the topics, and print the number of records by outcome')
    .option('--json', 'print the summary as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `\nExamples:\n  lastseen track\n  HTTP_PORT=9464 lastseen track\n  lastseen track --until-end --json`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'track',
        needs: ['postgres', 'kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) =>
          withDatabase(context, (database) =>
            withProbes(context, samples, (state) =>
              withWorkReport(context, state.partitions, flags.untilEnd === true, (report) =>
                run(context, flags, database, { state, report }),
              ),
            ),
          ),
      }),
    );
}

function samples(sources: SampleSources): readonly Sample[] {
  const { context, database, slotDatabase, kafka } = sources;
  const { settings, metrics } = context;
  const topics = [...sourceTopics(settings).keys()];
  return [
    lagSample(sources, groupOf(settings, 'track'), topics),
    outboxSample(metrics, database, INACTIVITY_OUTBOX),
    freshnessSample(context, freshnessDeps(context, { database, slotDatabase }, kafka)),
    slotSample(metrics, slotDatabase, slotName(settings)),
    captureSample(metrics, database),
    gapSample(metrics, database, topics),
    letterSample(metrics, database, topics),
    sweepSample(metrics, database),
    auditSample(metrics, database),
    retentionSample(metrics, database),
  ];
}

interface Running {
  readonly state: ConsumerState;
  readonly report: WorkReport;
}

async function run(context: CommandContext, flags: Flags, database: Database, running: Running): Promise<number> {
  const { state, report } = running;
  const { settings } = context;
  const begin = <T>(work: () => Promise<T>) => runBeforeStart(context, state, flags.untilEnd !== true, work);
  await begin(() => requireOwnTables(context, database));
  const kafka = openKafka(context);
  const topics = [...sourceTopics(settings).keys()];
  await begin(() => checkNames(context, database, kafka));
  await begin(() => requireSourceTopics(settings, kafka));
  await begin(() => requireTopics(kafka, [settings.TRACK_DLQ_TOPIC, settings.INACTIVITY_TOPIC]));
  const group = { groupId: groupOf(settings, 'track'), setting: groupSetting(settings), topics };
  await begin(() => requireOwnGroup(kafka, group, settings.KAFKA_SESSION_TIMEOUT));
  await begin(() => requireSound(context, [ownEventsCheck(kafka, database, [settings.INACTIVITY_TOPIC])], true));
  const registry = openRegistry(settings);

  const summary: Summary = { counts: emptyOutcomeCounts(), rowsChanged: 0, returned: 0, transactions: 0 };
  const producer = createProducer(kafka);
  try {
    const deps = trackDeps(context, { database, kafka, registry, producer }, summary, report);
    const window = await begin(() => loadLetterWindow(database, TRACK_WINDOW));
    if (window !== undefined) deps.deadLetterLimit.restore(window);
    const stages = createTrack(deps);
    const relayReturns = await begin(() => inactivityRelay(context, registry, database, producer));
    const read = () =>
      readTopics(context, {
        kafka,
        groupId: groupOf(settings, 'track'),
        topics,
        stages,
        state,
        report,
        untilEnd: flags.untilEnd === true,
      });
    await withSlotDatabase(context, database, (slotDatabase) => {
      const capture = freshnessDeps(context, { database, slotDatabase }, kafka);
      return watchCaptureWhile(context, capture, () => relayWhile(context, relayReturns, [], read));
    });
  } finally {
    await untilGraceDeadline(context, producer.close());
  }
  context.print(flags.json ? json(summary) : page(summary));
  return EXIT.done;
}

function checkNames(context: CommandContext, database: Database, kafka: KafkaClient): Promise<void> {
  return withSlotDatabase(context, database, (slotDatabase) =>
    requireSound(context, [namesCheck(context.settings, { database, slotDatabase }, kafka)], true),
  );
}

interface Connections {
  readonly database: Database;
  readonly kafka: KafkaClient;
  readonly registry: Registry;
  readonly producer: EventProducer;
}

function trackDeps(context: CommandContext, connections: Connections, summary: Summary, report: WorkReport): TrackDeps {
  const { settings, log, metrics, now } = context;
  const { database, kafka, registry, producer } = connections;
  const sources = sourceTopics(settings);
  return {
    ...collectDeps(settings, registry, sources, now),
    database,
    deadLetters: withLetterReports(createDeadLetterSink(producer, settings.TRACK_DLQ_TOPIC), {
      metrics,
      log,
      onLetters: report.addDeadLetters,
    }),
    progress: createProgress({ database, now, readBounds: (partition) => partitionBounds(kafka, partition) }),
    openLetters: createOpenLetters(database),
    onRefused: (learners) => {
      metrics.deadLetters.inc({ reason: 'postgres_refused' }, learners);
      report.addDeadLetters('postgres_refused', learners);
      log.error(
        { event: 'learners_refused', learners },
        'Postgres refuses rows of learners: `lastseen dlq list --open`',
      );
    },
    onGap: (gap) => {
      metrics.gaps.inc({ topic: gap.topic });
      log.error({ event: 'records_lost', ...gap }, describeGap(gap));
    },
    onApplied: (flush) => {
      addOutcomeCounts(summary.counts, flush.counts);
      summary.rowsChanged += flush.rowsChanged;
      summary.returned += flush.returned;
      summary.transactions += 1;
      const { records, ...outcomes } = sumOutcomes(flush.counts);
      const { learners, rowsChanged, returned } = flush;
      report.add({ records, learners, counts: { ...outcomes, rowsChanged, returned } });
      measure(metrics, flush, sources, now());
      log.debug({ event: 'batch_applied', learners, rowsChanged }, 'applied');
    },
  };
}

function measure(metrics: Metrics, flush: AppliedFlush, sources: ReadonlyMap<string, Source>, now: Instant): void {
  for (const [source, outcomes] of Object.entries(flush.counts)) {
    for (const [described, records] of Object.entries(outcomes)) {
      const [outcome = '', reason = ''] = described.split(': ');
      metrics.records.inc({ source, outcome: outcome.replace(' ', '_'), reason }, records);
    }
  }
  metrics.rowsChanged.inc(flush.rowsChanged);
  metrics.returned.inc(flush.returned);
  for (const { topic, newestCommitAt } of flush.partitions) {
    if (newestCommitAt === null) continue;
    const source = must(sources.get(topic), 'only topics of sources are subscribed');
    metrics.commitToApplied.observe({ source }, Math.max(0, Number(now - newestCommitAt) / 1e6));
  }
}

function page({ counts, rowsChanged, returned }: Summary): string {
  return [
    table(['source', 'outcome', 'records'], outcomeRows(counts)),
    '',
    `${rowsChanged} rows of user_last_seen inserted or raised, ${returned} learners returned`,
  ].join('\n');
}
