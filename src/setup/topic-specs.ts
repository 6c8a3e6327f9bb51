import { notificationTopic, sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import type { TopicSpec } from '../kafka/admin/admin.ts';
import { DEFAULT_MAX_MESSAGE_BYTES } from '../kafka/admin/topic-differences.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';

const DAY_MS = 86_400_000;
/** Events that are older than the lookback are of no use to a consumer. */
const EVENT_RETENTION = { 'retention.ms': String(30 * DAY_MS) };
/** Kept until a person deletes them. */
const LETTER_RETENTION = { 'retention.ms': '-1' };
/** For the headers that lastseen adds to a record. */
const HEADER_ROOM_BYTES = 65_536;

/**
 * Every topic that lastseen reads or writes, with its partitions, replicas and settings. Source topics are included: a
 * subscription fails for all topics if one is missing, and the connector creates a table's topic only with its first row.
 *
 * @param existing the existing topics: a topic that records are forwarded to accepts records as large as their origins do
 */
export function topicSpecs(settings: Settings, existing: readonly TopicSettings[]): TopicSpec[] {
  const fromSources = maxMessageBytes([...sourceTopics(settings).keys()], existing);
  const fromInactivity = maxMessageBytes([settings.INACTIVITY_TOPIC], existing);
  return [
    ...originTopics(settings),
    { ...ownTopic(settings, notificationTopic(settings), {}), partitions: 1 },
    ownTopic(settings, settings.KPI_UPDATED_TOPIC, EVENT_RETENTION),
    ownTopic(settings, settings.RECOMPUTE_RETRY_TOPIC, { ...EVENT_RETENTION, ...fromInactivity }),
    ownTopic(settings, settings.TRACK_DLQ_TOPIC, { ...LETTER_RETENTION, ...fromSources }),
    ownTopic(settings, settings.RECOMPUTE_DLQ_TOPIC, { ...LETTER_RETENTION, ...fromInactivity }),
  ];
}

/** The topics whose records are forwarded: their settings decide those of the other topics. */
export function originTopics(settings: Settings): TopicSpec[] {
  const size = { partitions: settings.TOPIC_PARTITIONS, replication: settings.TOPIC_REPLICATION };
  return [
    ...[...sourceTopics(settings).keys()].map((topic) => ({ topic, ...size, owner: 'connector' as const, config: {} })),
    ownTopic(settings, settings.INACTIVITY_TOPIC, EVENT_RETENTION),
  ];
}

/** One broker may be down: a write is acknowledged when all replicas but one have it. */
function ownTopic(settings: Settings, topic: string, config: Readonly<Record<string, string>>): TopicSpec {
  const { TOPIC_PARTITIONS: partitions, TOPIC_REPLICATION: replication } = settings;
  const inSync = String(Math.max(1, replication - 1));
  return {
    topic,
    partitions,
    replication,
    owner: 'lastseen',
    config: { 'cleanup.policy': 'delete', 'min.insync.replicas': inSync, ...config },
  };
}

function maxMessageBytes(origins: readonly string[], existing: readonly TopicSettings[]): Record<string, string> {
  const limits = existing
    .filter(({ topic }) => origins.includes(topic))
    .map(({ config }) => Number(config.get('max.message.bytes') ?? DEFAULT_MAX_MESSAGE_BYTES));
  const largest = Math.max(DEFAULT_MAX_MESSAGE_BYTES, ...limits);
  return { 'max.message.bytes': String(largest + HEADER_ROOM_BYTES) };
}
