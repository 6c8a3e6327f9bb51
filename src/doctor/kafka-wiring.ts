import { openRegistry } from '../cli/connections.ts';
import { defaultGroup, type Reader, sourceTopics } from '../config/kafka-names.ts';
import { ownEventsFinding } from '../events/wiring.ts';
import { brokerCount } from '../kafka/admin/admin.ts';
import { readGroupFacts } from '../kafka/admin/groups.ts';
import { committedPositions, endPositions, groupLag } from '../kafka/admin/offsets.ts';
import { readTopicSettings } from '../kafka/admin/topic-settings.ts';
import { type ExistingNames, isPrefixConfirmed } from '../preflight/capture-names.ts';
import type { Finding } from '../preflight/finding.ts';
import { configuredNames } from '../preflight/names-wiring.ts';
import { checkSchemas } from '../registry/own-schemas.ts';
import { topicSpecs } from '../setup/topic-specs.ts';
import { ownSchemas } from '../setup/wiring.ts';
import type { Check } from './checks.ts';
import { type Connections, check } from './connections-wiring.ts';
import * as findings from './kafka-findings.ts';

/** Checks of the brokers and the registry. */
export function kafkaChecks(connections: Connections, readNames: () => Promise<ExistingNames>): readonly Check[] {
  const { context, database, kafka } = connections;
  const { settings } = context;
  const { OWN_PREFIX, INACTIVITY_TOPIC, KPI_UPDATED_TOPIC, RECOMPUTE_RETRY_TOPIC } = settings;
  const onBrokers = (name: string, run: () => Promise<readonly Finding[] | Finding>) =>
    check(name, ['brokers'], 'kafka', run, ['names']);
  return [
    check('brokers', [], 'kafka', async () => findings.brokers(await brokerCount(kafka))),
    onBrokers('topics', () => topicFindings(connections, readNames)),
    check('registry', [], 'registry', async () =>
      findings.schemas(await checkSchemas(openRegistry(settings), await ownSchemas(settings))),
    ),
    onBrokers(defaultGroup(OWN_PREFIX, 'track'), () =>
      groupFinding(connections, 'track', [...sourceTopics(settings).keys()]),
    ),
    onBrokers(defaultGroup(OWN_PREFIX, 'recompute'), () =>
      groupFinding(connections, 'recompute', [INACTIVITY_TOPIC, RECOMPUTE_RETRY_TOPIC]),
    ),
    check('hidden records', ['brokers'], 'kafka', async () =>
      findings.hiddenRecords(await endPositions(kafka, [...sourceTopics(settings).keys()])),
    ),
    check(
      'own events',
      ['own tables', 'brokers'],
      'kafka',
      () => ownEventsFinding(kafka, database, [INACTIVITY_TOPIC, KPI_UPDATED_TOPIC]),
      ['topics'],
    ),
  ];
}

async function topicFindings(
  { context: { settings }, kafka }: Connections,
  readNames: () => Promise<ExistingNames>,
): Promise<readonly Finding[]> {
  const names = topicSpecs(settings, []).map(({ topic }) => topic);
  const existing = await readTopicSettings(kafka, names);
  // Without the database of the slot nothing confirms the prefix.
  const known = await readNames().catch(() => undefined);
  return findings.topics(topicSpecs(settings, existing), existing, {
    isPrefixConfirmed: known !== undefined && isPrefixConfirmed(configuredNames(settings), known),
    topicPrefix: settings.TOPIC_PREFIX,
    ownPrefix: settings.OWN_PREFIX,
    allTopics: known?.topics ?? [],
  });
}

async function groupFinding(connections: Connections, command: Reader, topics: readonly string[]): Promise<Finding> {
  const { context, kafka } = connections;
  const existing = (await readTopicSettings(kafka, topics)).map(({ topic }) => topic);
  const group = await groupInUse(connections, command, existing);
  const lags = await groupLag(kafka, group, existing);
  const lag = lags.reduce((sum, { records }) => sum + records, 0n);
  const setting = group === context.settings.KAFKA_GROUP_ID ? 'KAFKA_GROUP_ID' : 'OWN_PREFIX';
  return findings.group(command, { group, ...(await readGroupFacts(kafka, group)) }, lag, topics, setting);
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
