import { sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { publicationName, slotName } from '../config/source-server.ts';
import type { SourceDatabases } from '../freshness/replication-store.ts';
import { topicNames } from '../kafka/admin/admin.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { ConfiguredNames, ExistingNames } from './capture-names.ts';
import { readCaptureNames, readRecordedNames } from './names-store.ts';

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
