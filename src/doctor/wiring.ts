import { neededColumns } from '../activity/activity-of.ts';
import { openKafka, openRegistry, withDatabase, withSourceDatabase } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { RECOMPUTE_GROUP, TRACK_GROUP } from '../config/groups.ts';
import { sourceTopics } from '../config/topic-names.ts';
import { readOutboxState } from '../events/outbox-state-store.ts';
import { type FreshnessView, knownBefore, noteEnds, observe } from '../freshness/pipeline.ts';
import { currentPosition, publishedSources, readSlotState } from '../freshness/replication-store.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import { listRuns } from '../history/sweep-runs-store.ts';
import { groupLag } from '../kafka/admin/admin.ts';
import { brokerCount, keptRecords, readGroupFacts } from '../kafka/admin/cluster-facts.ts';
import { readTopicSettings } from '../kafka/admin/topic-settings.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Database } from '../postgres/database.ts';
import { checkSchemas } from '../registry/own-schemas.ts';
import { readMigrations } from '../setup/migrations-store.ts';
import { ownSchemas } from '../setup/own-schemas-wiring.ts';
import { topicSpecs } from '../setup/topic-specs.ts';
import * as capture from './capture.ts';
import { readConnectors } from './connect-client.ts';
import * as delivery from './delivery.ts';
import { type Check, type Finding, ok, skipped } from './examine.ts';
import * as server from './server.ts';
import { readClock, readServerFacts, readTableFacts, unreadableOwnTables } from './server-store.ts';

/** Runs `work` with every check of `doctor`, as it is configured. */
export function withDoctorChecks<T>(
  context: CommandContext,
  work: (checks: readonly Check[]) => Promise<T>,
): Promise<T> {
  // Whoever asks waits for the answer: one try more, not half a minute of them.
  const kafka = openKafka(context, 1);
  return withDatabase(context, (database) =>
    withSourceDatabase(context, (source) => {
      const view = freshnessDeps(context, database, kafka);
      return work([
        ...postgresChecks(context, database),
        ...sourceChecks(context, source),
        ...captureChecks(view),
        ...kafkaChecks(context, kafka),
        registryCheck(context),
        connectorCheck(context, view.slot),
        freshnessCheck(view),
        ...workChecks(context, database, kafka),
      ]);
    }),
  );
}

function check(
  name: string,
  needs: readonly string[],
  mend: string,
  look: () => Promise<readonly Finding[] | Finding>,
): Check {
  return { name, needs, mend, look: async () => [await look()].flat() };
}

const GRANTS = 'apply k8s/postgres/roles.sql of this release';

function postgresChecks({ now }: CommandContext, database: Database): Check[] {
  const needs = ['postgres'];
  return [
    check('postgres', [], 'start Postgres, or mend DATABASE_URL', async () => {
      return ok(`answers as role ${(await readServerFacts(database)).role}`);
    }),
    check('version', needs, GRANTS, async () => server.version(await readServerFacts(database))),
    check('wal_level', needs, GRANTS, async () => server.walLevel(await readServerFacts(database))),
    check('clock', needs, GRANTS, async () => {
      const asked = now();
      const at = await readClock(database);
      return server.clock(at, asked, now());
    }),
    check('own tables', needs, 'run `lastseen migrate`', async () => server.migrations(await readMigrations(database))),
    check('rights', needs, GRANTS, async () => {
      const { role } = await readServerFacts(database);
      return server.ownTables(role, await unreadableOwnTables(database));
    }),
  ];
}

function sourceChecks({ settings }: CommandContext, source: Database): Check[] {
  const wanted = [...sourceTopics(settings).values()].map((table) => ({
    table,
    columns: neededColumns(table, settings.ATTEMPT_SOURCE),
  }));
  const mend = 'start Postgres, or mend SOURCE_DATABASE_URL';
  return [
    check('source', [], mend, async () => server.version(await readServerFacts(source))),
    check('source tables', ['source'], mend, async () =>
      (await readTableFacts(source, wanted)).map(server.sourceTable),
    ),
  ];
}

function captureChecks({ database, sources, slot, publication }: FreshnessView): Check[] {
  const enabled = [...sources.values()];
  const mend = 'mend REPLICATION_SLOT and PUBLICATION';
  return [
    check('slot', ['postgres'], mend, async () => capture.slot(slot, await readSlotState(database, slot))),
    check('publication', ['postgres'], mend, async () =>
      capture.publication(publication, await publishedSources(database, publication), enabled),
    ),
  ];
}

function kafkaChecks({ settings }: CommandContext, kafka: KafkaClient): Check[] {
  const names = topicSpecs(settings, []).map(({ topic }) => topic);
  return [
    check('brokers', [], 'start the brokers, or mend KAFKA_BROKERS and KAFKA_SSL_*, KAFKA_SASL_*', async () => {
      const count = await brokerCount(kafka);
      return ok(count === 1 ? '1 broker answers' : `${count} brokers answer`);
    }),
    check('topics', ['brokers'], 'may we describe topics? (ACL DescribeConfigs)', async () => {
      const existing = await readTopicSettings(kafka, names);
      const found = new Map(existing.map((each) => [each.topic, each]));
      return topicSpecs(settings, existing).map((spec) => delivery.topic(spec, found.get(spec.topic)));
    }),
  ];
}

function registryCheck({ settings }: CommandContext): Check {
  return check('registry', [], 'start the registry, or mend SCHEMA_REGISTRY_*', async () =>
    (await checkSchemas(openRegistry(settings), await ownSchemas(settings))).map(delivery.schema),
  );
}

const CONNECT_TIMEOUT_MS = 4_000;

function connectorCheck({ settings }: CommandContext, slotName: string): Check {
  const { CONNECT_URL: url, TOPIC_PREFIX: topicPrefix } = settings;
  return check('connector', [], 'start Kafka Connect, or mend CONNECT_URL', async () => {
    if (url === undefined) return skipped('CONNECT_URL is not set');
    return capture.connectors(await readConnectors(url, CONNECT_TIMEOUT_MS), { topicPrefix, slotName });
  });
}

function freshnessCheck(view: FreshnessView): Check {
  return check('freshness', ['postgres', 'brokers'], GRANTS, async () => {
    const known = await knownBefore(view);
    const ends = await noteEnds(view);
    const position = await currentPosition(view.database, 0n);
    if (position === undefined) return [];
    return capture.sourcesFresh(await observe(view, { ...known, position, ends }, position));
  });
}

function workChecks({ settings, now }: CommandContext, database: Database, kafka: KafkaClient): Check[] {
  const group = (name: string, command: string, topics: readonly string[]) =>
    check(name, ['brokers'], 'may we describe groups? (ACL Describe)', async () => {
      const existing = (await readTopicSettings(kafka, topics)).map(({ topic }) => topic);
      const lags = await groupLag(kafka, name, existing);
      const lag = lags.reduce((sum, { records }) => sum + records, 0n);
      return delivery.group(command, await readGroupFacts(kafka, name), lag);
    });
  const letters = [settings.TRACK_DLQ_TOPIC, settings.RECOMPUTE_DLQ_TOPIC];
  const needs = ['postgres'];
  return [
    group(TRACK_GROUP, 'track', [...sourceTopics(settings).keys()]),
    group(RECOMPUTE_GROUP, 'recompute', [settings.INACTIVITY_TOPIC, settings.RECOMPUTE_RETRY_TOPIC]),
    check('dead letters', ['brokers'], 'may we describe topics? (ACL Describe)', async () => {
      const kept = await keptRecords(kafka, letters);
      return letters.map((topic) => delivery.deadLetters(topic, kept.get(topic)));
    }),
    check('outboxes', needs, GRANTS, () =>
      Promise.all(
        (['inactivity', 'kpi_updated'] as const).map(async (name) =>
          delivery.outbox(name, await readOutboxState(database, name)),
        ),
      ),
    ),
    check('last sweep', needs, GRANTS, async () => delivery.lastSweep((await listRuns(database, 1))[0], now())),
  ];
}
