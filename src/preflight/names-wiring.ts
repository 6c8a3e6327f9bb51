import { sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { publicationName, slotName } from '../config/source-server.ts';
import type { SourceDatabases } from '../freshness/replication-store.ts';
import { topicNames } from '../kafka/admin/admin.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { type ConfiguredNames, describeMissingTopics, type ExistingNames, wrongName } from './capture-names.ts';
import { readCaptureNames, readRecordedNames } from './names-store.ts';
import type { StartCheck } from './start-pipeline.ts';

/** The names of what changes arrive through, from the settings. */
export function configuredNames(settings: Settings): ConfiguredNames {
  return {
    topicPrefix: settings.TOPIC_PREFIX,
    slot: slotName(settings),
    publication: publicationName(settings),
    isSlotSet: settings.REPLICATION_SLOT !== undefined,
    topics: sourceTopics(settings),
    databaseSetting: settings.SLOT_DATABASE_URL === undefined ? 'DATABASE_URL' : 'SLOT_DATABASE_URL',
  };
}

/**
 * The check of names before a command reads topics or looks at capture: a look with wrong names would record a break. An outage
 * of the slot's database leaves the names unchecked.
 */
export function namesCheck(settings: Settings, databases: SourceDatabases, kafka: KafkaClient): StartCheck {
  return {
    name: 'names',
    code: 'config_invalid',
    run: async () => {
      const topics = await topicNames(kafka);
      const recorded = await readRecordedNames(databases.database);
      const names = await readCaptureNames(databases.slotDatabase).catch((error: unknown) => {
        throw isRetriable(error) ? new Error(safeMessage(error)) : error;
      });
      const finding = wrongName(configuredNames(settings), { ...names, topics, recorded });
      return finding === undefined ? [] : [finding];
    },
  };
}

/**
 * One missing topic would fail the whole subscription.
 *
 * @throws LastseenError `topic_missing`
 */
export async function requireSourceTopics(settings: Settings, kafka: KafkaClient): Promise<void> {
  const all = await topicNames(kafka);
  const missing = [...sourceTopics(settings).keys()].filter((topic) => !all.includes(topic));
  if (missing.length === 0) return;
  throw new LastseenError(
    'topic_missing',
    `${describeMissingTopics(settings.TOPIC_PREFIX, missing, all)}: correct TOPIC_PREFIX, or if it is the connector's topic.prefix, ` +
      'run `lastseen topics`',
  );
}

/** What there is. Topics and earlier looks only add to it: without brokers or own tables they are not known. */
export async function readExistingNames(
  { database, slotDatabase }: SourceDatabases,
  kafka: KafkaClient,
): Promise<ExistingNames> {
  const [names, topics, recorded] = await Promise.all([
    readCaptureNames(slotDatabase),
    topicNames(kafka).catch(() => undefined),
    readRecordedNames(database).catch(() => undefined),
  ]);
  return { ...names, topics, recorded };
}
