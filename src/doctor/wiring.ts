import { neededColumns } from '../activity/activity-of.ts';
import { openKafka, openRegistry, withDatabase, withSlotDatabase, withSourceDatabase } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { defaultGroup, type Reader, sourceTopics } from '../config/kafka-names.ts';
import { readOutboxState } from '../events/outbox-store.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../events/outboxes.ts';
import { readCaptureBreaks } from '../freshness/capture-evidence-pipeline.ts';
import { readCaptures } from '../freshness/capture-store.ts';
import { readConnectors } from '../freshness/connect-client.ts';
import type { FreshnessDeps, FreshnessView } from '../freshness/pipeline.ts';
import { readSlotState, sourcePrimary } from '../freshness/replication-store.ts';
import { reportFreshness } from '../freshness/report-pipeline.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import { listRuns } from '../history/sweep-runs-store.ts';
import { brokerCount } from '../kafka/admin/admin.ts';
import { readGroupFacts } from '../kafka/admin/groups.ts';
import { committedPositions, groupLag, keptRecords } from '../kafka/admin/offsets.ts';
import { readTopicSettings } from '../kafka/admin/topic-settings.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Database } from '../postgres/database.ts';
import { createReplica, untilReplayed } from '../postgres/replica.ts';
import { checkSchemas } from '../registry/own-schemas.ts';
import { safeMessage } from '../runtime/errors.ts';
import { readMigrations } from '../setup/migrations-store.ts';
import { topicSpecs } from '../setup/topic-specs.ts';
import { ownSchemas } from '../setup/wiring.ts';
import { readSourceTables } from '../source-activity/tables-store.ts';
import * as capture from './capture-findings.ts';
import { type Check, type Finding, ok, skipped } from './checks.ts';
import { committedOffset } from './connector-findings.ts';
import * as postgres from './postgres-findings.ts';
import { readClock, readServerFacts, unreadableOwnTables } from './postgres-store.ts';
import * as work from './work-findings.ts';

interface Connections {
  readonly context: CommandContext;
  readonly database: Database;
  readonly slotDatabase: Database;
  readonly source: Database;
  readonly kafka: KafkaClient;
}

/** Runs `use` with every check of `doctor`, wired to the configured servers. */
export function withDoctorChecks<T>(
  context: CommandContext,
  use: (checks: readonly Check[]) => Promise<T>,
): Promise<T> {
  // One retry instead of many: a person waits for the answer.
  const kafka = openKafka(context, 1);
  return withDatabase(context, (database) =>
    withSlotDatabase(context, database, (slotDatabase) =>
      withSourceDatabase(context, (source) => use(doctorChecks({ context, database, slotDatabase, source, kafka }))),
    ),
  );
}

const GRANTS = 'apply k8s/postgres/roles.sql of this release';
const START_SOURCE = 'start Postgres, or correct SOURCE_DATABASE_URL';
const START_SLOT_SERVER = 'start Postgres, or correct SLOT_DATABASE_URL';
const CAPTURE_NAMES = 'correct REPLICATION_SLOT and PUBLICATION';

/** A check comes after those it needs. */
function doctorChecks(connections: Connections): Check[] {
  const { context, database, slotDatabase, source, kafka } = connections;
  const { settings, now } = context;
  const view = freshnessDeps(context, { database, slotDatabase }, kafka);
  const sources = [...sourceTopics(settings).keys()];
  const trackGroup = defaultGroup(settings.OWN_PREFIX, 'track');
  const recomputeGroup = defaultGroup(settings.OWN_PREFIX, 'recompute');
  const recomputed = [settings.INACTIVITY_TOPIC, settings.RECOMPUTE_RETRY_TOPIC];
  const onPostgres = (name: string, run: CheckRun, hint = GRANTS) => check(name, ['postgres'], hint, run);
  const onSlotServer = (name: string, run: CheckRun) => check(name, ['slot server'], CAPTURE_NAMES, run);
  const onBrokers = (name: string, acl: string, run: CheckRun) =>
    check(name, ['brokers'], `grant this user the ACL ${acl}`, run);
  return [
    check('postgres', [], 'start Postgres, or correct DATABASE_URL', async () =>
      ok(`answers as role ${(await readServerFacts(database)).role}`),
    ),
    onPostgres('version', async () => postgres.version(await readServerFacts(database))),
    onPostgres('clock', () => clockFinding(connections)),
    onPostgres('own tables', async () => postgres.migrations(await readMigrations(database)), 'run `lastseen migrate`'),
    onPostgres('rights', async () =>
      postgres.ownTables((await readServerFacts(database)).role, await unreadableOwnTables(database)),
    ),

    check('source', [], START_SOURCE, async () => postgres.version(await readServerFacts(source))),
    check('source tables', ['source'], START_SOURCE, () => sourceTableFindings(connections)),
    check('replica', ['source', 'slot server'], START_SOURCE, () => replicaFinding(connections)),

    check('slot server', slotDatabase === database ? ['postgres'] : [], START_SLOT_SERVER, () =>
      slotServerFindings(connections),
    ),
    onSlotServer('wal_level', () => walLevelFinding(connections)),
    onSlotServer('slot', async () => capture.slot(view.slot, await readSlotState(slotDatabase, view.slot))),
    onSlotServer('publication', () => publicationFindings(view)),
    check('capture', ['postgres', 'slot server'], GRANTS, async () =>
      capture.continuity(await readCaptureBreaks(view)),
    ),

    check('brokers', [], 'start the brokers, or correct KAFKA_BROKERS, KAFKA_SSL_* and KAFKA_SASL_*', async () =>
      work.brokers(await brokerCount(kafka)),
    ),
    onBrokers('topics', 'DescribeConfigs on topics', () => topicFindings(connections)),
    check('registry', [], 'start the registry, or correct SCHEMA_REGISTRY_*', async () =>
      (await checkSchemas(openRegistry(settings), await ownSchemas(settings))).map(work.schema),
    ),
    check('connector', [], 'start Kafka Connect, or correct CONNECT_URL', () => connectorFindings(context, view.slot)),
    check('committed offset', ['connector'], 'correct CONNECT_URL', () =>
      committedOffsetFinding(context, view.readOffset),
    ),
    {
      ...check('freshness', ['postgres', 'slot server', 'brokers'], GRANTS, () => freshnessFindings(view)),
      timeoutMs: FRESHNESS_WAIT_MS + FRESHNESS_LOOK_MS,
    },

    onBrokers(trackGroup, 'Describe on groups', () => groupFinding(connections, 'track', sources)),
    onBrokers(recomputeGroup, 'Describe on groups', () => groupFinding(connections, 'recompute', recomputed)),
    onBrokers('dead letters', 'Describe on topics', () => deadLetterFindings(connections)),
    onPostgres('outboxes', () => outboxFindings(database)),
    onPostgres('last sweep', async () => work.lastSweep((await listRuns(database, 1))[0], now())),
  ];
}

/** Shorter than the timeout of a check. */
const REPLAYED_WITHIN_MS = 2_000;

type CheckRun = () => Promise<readonly Finding[] | Finding>;

function check(name: string, needs: readonly string[], hint: string, run: CheckRun): Check {
  return { name, needs, hint, run: async () => [await run()].flat() };
}

async function slotServerFindings({ database, slotDatabase }: Connections): Promise<Finding> {
  const facts = await readServerFacts(slotDatabase);
  return database === slotDatabase ? ok('the same as postgres: SLOT_DATABASE_URL is not set') : postgres.version(facts);
}

async function walLevelFinding({ database, slotDatabase }: Connections): Promise<Finding> {
  const facts = await readServerFacts(slotDatabase);
  const isKnownStandby =
    facts.isStandby && (await sourcePrimary({ database, slotDatabase })) === database && database !== slotDatabase;
  return postgres.walLevel(facts, isKnownStandby);
}

/** As `recompute` waits for a replica. */
async function replicaFinding({ database, slotDatabase, source }: Connections): Promise<Finding> {
  if (!(await readServerFacts(source)).isStandby) return ok('the source tables are on no standby');
  const replica = createReplica(await sourcePrimary({ database, slotDatabase }), source);
  const position = await replica.primaryPosition();
  if (!(await untilReplayed(replica, position, performance.now() + REPLAYED_WITHIN_MS))) {
    return postgres.replicaBehind(position);
  }
  return ok(`the standby has replayed its primary's log up to ${position}`);
}

async function clockFinding({ context, database }: Connections): Promise<Finding> {
  const sentAt = context.now();
  const serverTime = await readClock(database);
  return postgres.clock(serverTime, sentAt, context.now());
}

async function sourceTableFindings({ context: { settings }, source }: Connections): Promise<Finding[]> {
  const wanted = [...sourceTopics(settings).values()].map(
    (table) => [table, neededColumns(table, settings.ATTEMPT_SOURCE)] as const,
  );
  return (await readSourceTables(source, wanted)).map(postgres.sourceTable);
}

async function publicationFindings({ slotDatabase, sources, publication }: FreshnessView): Promise<readonly Finding[]> {
  return capture.publication(publication, await readCaptures(slotDatabase, publication), [...sources.values()]);
}

async function topicFindings({ context: { settings }, kafka }: Connections): Promise<Finding[]> {
  const names = topicSpecs(settings, []).map(({ topic }) => topic);
  const existing = await readTopicSettings(kafka, names);
  const found = new Map(existing.map((each) => [each.topic, each]));
  return topicSpecs(settings, existing).map((spec) => work.topic(spec, found.get(spec.topic)));
}

/** Shorter than the timeout of a check, so that its own message is printed. */
const CONNECT_TIMEOUT_MS = 4_000;

async function connectorFindings(
  { settings }: CommandContext,
  slotName: string,
): Promise<readonly Finding[] | Finding> {
  const { CONNECT_URL: url, TOPIC_PREFIX: topicPrefix } = settings;
  if (url === undefined) return skipped('CONNECT_URL is not set');
  return capture.connectors(await readConnectors(url, CONNECT_TIMEOUT_MS), { topicPrefix, slotName });
}

async function committedOffsetFinding(
  { settings, now }: CommandContext,
  readOffset: FreshnessView['readOffset'],
): Promise<Finding> {
  if (readOffset === undefined) return skipped('CONNECT_URL is not set');
  try {
    return committedOffset(await readOffset(), now());
  } catch (error) {
    // Only then is it needed.
    if (settings.FRESHNESS_PROOF !== 'slot') throw error;
    return skipped(safeMessage(error));
  }
}

/** The default of `fresh --wait`: the slot of a healthy connector passes the position meanwhile. */
const FRESHNESS_WAIT_MS = 5_000;
/** For the last look, which begins before the wait is over. */
const FRESHNESS_LOOK_MS = 5_000;

async function freshnessFindings(view: FreshnessDeps): Promise<readonly Finding[]> {
  return capture.sourcesFresh(await reportFreshness({ ...view, waitMs: FRESHNESS_WAIT_MS }, 0n));
}

async function groupFinding(connections: Connections, command: Reader, topics: readonly string[]): Promise<Finding> {
  const { kafka } = connections;
  const existing = (await readTopicSettings(kafka, topics)).map(({ topic }) => topic);
  const group = await groupInUse(connections, command, existing);
  const lags = await groupLag(kafka, group, existing);
  const lag = lags.reduce((sum, { records }) => sum + records, 0n);
  return work.group(command, { group, ...(await readGroupFacts(kafka, group)) }, lag, topics);
}

/** `KAFKA_GROUP_ID` is set for one command: the one whose topics the group reads, or has read. */
async function groupInUse(
  { context: { settings }, kafka }: Connections,
  command: Reader,
  topics: readonly string[],
): Promise<string> {
  const { KAFKA_GROUP_ID: configured, OWN_PREFIX } = settings;
  if (configured === undefined) return defaultGroup(OWN_PREFIX, command);
  const { subscriptions } = await readGroupFacts(kafka, configured);
  const reads =
    subscriptions.some((each) => each.topics.some((topic) => topics.includes(topic))) ||
    (await committedPositions(kafka, configured, topics)).length > 0;
  return reads ? configured : defaultGroup(OWN_PREFIX, command);
}

async function deadLetterFindings({ context: { settings }, kafka }: Connections): Promise<Finding[]> {
  const topics = [settings.TRACK_DLQ_TOPIC, settings.RECOMPUTE_DLQ_TOPIC];
  const counts = await keptRecords(kafka, topics);
  return topics.map((topic) => work.deadLetters(topic, counts.get(topic)));
}

function outboxFindings(database: Database): Promise<Finding[]> {
  const outboxes = [INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX];
  return Promise.all(outboxes.map(async (outbox) => work.outbox(outbox.name, await readOutboxState(database, outbox))));
}
