import { formatInstant } from '../../src/activity/instant.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { createKafka } from '../../src/kafka/client/client.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import { createLogger } from '../../src/runtime/logging.ts';
import { DEFAULT_CONNECTOR, registerConnector } from '../connector.ts';
import { slotName } from '../placeholders.ts';
import type { RunningStack } from '../stack.ts';
import { progressBar } from './bar.ts';
import { createTables, type DemoDatabases, demoUrls, moveWeekly, openDatabases } from './databases.ts';
import { type Delivery, watchDelivery } from './delivery.ts';
import { countTracked, readHighestRisk, readSilence } from './findings.ts';
import { type Lastseen, lastseenWith } from './lastseen-command.ts';
import { type LoadPlan, prepareSource, type Report, recordsOf } from './load.ts';
import { type DemoOptions, type DemoVariant, variantOf } from './options.ts';
import * as proof from './proof.ts';
import { publishedFor } from './published.ts';
import type { DemoResult, SourceResult, SweepResult } from './result.ts';
import type { Steps } from './steps.ts';

const TOPIC_PREFIX = 'seedtest';

/** The environment for `lastseen` on a stack. */
export function environmentOf(
  { addresses }: Pick<RunningStack, 'addresses'>,
  { proof: deliveryProof, ownDatabase }: DemoVariant,
): Record<string, string> {
  const { own, source } = demoUrls(addresses.databaseUrl, ownDatabase);
  return {
    DATABASE_URL: own,
    ...(ownDatabase ? { SLOT_DATABASE_URL: source } : {}),
    ...(deliveryProof === 'slot' ? {} : { FRESHNESS_PROOF: deliveryProof, CONNECT_URL: addresses.connectUrl }),
    KAFKA_BROKERS: addresses.brokers,
    SCHEMA_REGISTRY_URL: addresses.registryUrl,
    TOPIC_PREFIX,
  };
}

/** Loads the data on a fresh stack, runs all steps, and compares the results with the sources. */
export async function runDemo(
  stack: RunningStack,
  options: DemoOptions,
  steps: Steps,
  signal: AbortSignal,
): Promise<DemoResult> {
  const { brokers } = stack.addresses;
  const databases = openDatabases(demoUrls(stack.addresses.databaseUrl, options.ownDatabase));
  const log = createLogger({ level: 'silent', pretty: false, command: 'demo' });
  const kafka = createKafka({ brokers: [brokers], clientId: 'demo', log });
  const slot = slotName(DEFAULT_CONNECTOR);
  const delivery = watchDelivery({ kafka, database: databases.source, topicPrefix: TOPIC_PREFIX, slot, signal });
  const lastseen = lastseenWith(environmentOf(stack, options), signal);
  const chain = { stack, databases, delivery, steps, options, lastseen };
  try {
    const plan = await deliverSource(chain);
    const result = await detect(chain, plan);
    return { ...result, timings: steps.timings };
  } finally {
    await databases.close();
  }
}

interface Chain {
  readonly stack: RunningStack;
  readonly databases: DemoDatabases;
  readonly delivery: Delivery;
  readonly steps: Steps;
  readonly options: DemoOptions;
  readonly lastseen: Lastseen;
}

/** Creates and fills the tables, and waits until the topics hold every change. */
async function deliverSource({ stack, databases, delivery, steps, options, lastseen }: Chain): Promise<LoadPlan> {
  await steps.run('Create tables, topics and schemas', async () => {
    await createTables(demoUrls(stack.addresses.databaseUrl, options.ownDatabase), databases);
    await Promise.all([lastseen(['migrate']), lastseen(['topics']), lastseen(['schemas', 'register'])]);
  });
  const plan = await steps.run('Load the history', async (report) => {
    const prepared = await prepareSource(databases.source, options, report);
    await prepared.phase1(report);
    await moveWeekly(databases);
    await proof.keepWeekly(databases.own);
    return prepared;
  });
  await steps.run('Take the Debezium snapshot', async (report) => {
    await registerConnector(stack.addresses, { topicPrefix: TOPIC_PREFIX });
    await delivery.untilDelivered(total(plan, 'snapshot'), report);
  });
  await steps.run('Stream the newest days', async (report) => {
    await plan.phase2(report);
    await delivery.untilConfirmed(
      SOURCES.reduce((sum, source) => sum + recordsOf(plan.records[source]), 0),
      report,
    );
  });
  return plan;
}

const total = (plan: LoadPlan, kind: 'snapshot') =>
  SOURCES.reduce((sum, source) => sum + plan.records[source][kind], 0);

/** Runs track, sweep and recompute, then sweeps and reads all topics again: nothing must change. */
async function detect(chain: Chain, plan: LoadPlan): Promise<Omit<DemoResult, 'timings'>> {
  const { databases, delivery, steps, options, lastseen } = chain;
  const { own } = databases;
  const tracked = await steps.run('lastseen track', (report) =>
    reportProgress(own, delivery, report, () => track(lastseen, 'lastseen-track', () => {})),
  );
  const sweep = await steps.run('lastseen sweep', () => sweepOnce(lastseen, options));
  const recompute = await steps.run('lastseen recompute', async (report) =>
    readCounts(await lastseen(['recompute', '--until-end', '--json'], { report })),
  );
  const digestBefore = await proof.digestLastSeen(own);
  const events = await proof.countEvents(own);
  const eventsOfSecondSweep = await steps.run('lastseen sweep (again)', async () => {
    const { published } = await sweepOnce(lastseen, options);
    return Math.max(published, (await proof.countEvents(own)) - events);
  });
  const replay = await steps.run('Read all topics again', (report) => track(lastseen, 'demo-replay', report));
  return steps.run('Compare with the source tables', async () => ({
    origin: plan.origin,
    variant: variantOf(options),
    asOf: options.asOf,
    thresholdDays: options.thresholdDays,
    lookbackDays: options.lookbackDays,
    learners: plan.learners,
    tracked: await countTracked(own),
    sources: sourceResults(plan, await delivery.counts(), tracked.counts),
    sweep,
    recompute,
    silence: await readSilence(own, options),
    highestRisk: await readHighestRisk(own),
    proof: {
      lastSeen: await proof.compareLastSeen(databases),
      flagged: await proof.compareFlagged(databases, options),
      answers: await proof.compareAnswers(own),
      foreignFigures: await proof.compareForeignFigures(own),
      untouchedRows: await proof.compareUntouchedRows(own),
      eventsOfSecondSweep,
      replay: { records: recordsRead(replay), rowsChanged: replay.rows_changed },
      digestBefore,
      digestAfter: await proof.digestLastSeen(own),
    },
    published: options.data.kind === 'oulad' ? publishedFor(options) : undefined,
  }));
}

const POLL_MS = 500;

/** Reports track's progress, which it records in each transaction. */
async function reportProgress<T>(
  own: Queryable,
  delivery: Delivery,
  report: Report,
  work: () => Promise<T>,
): Promise<T> {
  const records = Object.values(await delivery.counts()).reduce((sum, count) => sum + count, 0);
  const timer = setInterval(() => {
    proof.countApplied(own).then(
      (applied) => report(progressBar(applied, records, 'records')),
      () => clearInterval(timer),
    );
  }, POLL_MS);
  return work().finally(() => clearInterval(timer));
}

interface TrackSummary {
  readonly counts: Readonly<Record<Source, Readonly<Record<string, number>>>>;
  readonly rows_changed: number;
}

async function track(lastseen: Lastseen, group: string, report: (line: string) => void): Promise<TrackSummary> {
  const environment = { KAFKA_GROUP_ID: group };
  return JSON.parse(await lastseen(['track', '--until-end', '--json'], { environment, report })) as TrackSummary;
}

const recordsRead = ({ counts }: TrackSummary) =>
  SOURCES.flatMap((source) => Object.values(counts[source])).reduce((sum, records) => sum + records, 0);

/** The exit code of a sweep that is held, as the first one is. The demo approves it in place of the operator. */
const HELD = 3;

async function sweepOnce(lastseen: Lastseen, options: DemoOptions): Promise<SweepResult> {
  const { asOf, thresholdDays, lookbackDays } = options;
  const flags = ['--as-of', formatInstant(asOf), '--threshold', `${thresholdDays}`, '--lookback', `${lookbackDays}`];
  const outcome = JSON.parse(await lastseen(['sweep', ...flags, '--json'], { answers: [HELD] })) as
    | (SweepResult & { status: 'completed' })
    | { status: 'held'; run_id: string; because: string };
  if (outcome.status === 'completed') return outcome;
  const approved = await lastseen(['sweep', 'approve', outcome.run_id, '--json']);
  return { ...(JSON.parse(approved) as SweepResult), heldBecause: outcome.because };
}

const readCounts = (output: string) => JSON.parse(output) as Record<string, number>;

function sourceResults(
  plan: LoadPlan,
  delivered: Readonly<Record<Source, number>>,
  outcomes: TrackSummary['counts'],
): Record<Source, SourceResult> {
  const resultOf = (source: Source): SourceResult => ({
    rows: plan.rows[source],
    expectedRecords: recordsOf(plan.records[source]),
    deliveredRecords: delivered[source],
    outcomes: outcomes[source],
  });
  return Object.fromEntries(SOURCES.map((source) => [source, resultOf(source)])) as Record<Source, SourceResult>;
}
