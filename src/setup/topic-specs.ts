import type { Settings } from '../config/settings.ts';
import { notificationTopic, sourceTopics } from '../config/topic-names.ts';
import type { TopicSpec } from '../kafka/admin/admin.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';

const DAY_MS = 86_400_000;
/** As long as silence is of interest: a reader that was away so long finds nothing that still holds. */
const EVENTS_KEPT = { 'retention.ms': String(30 * DAY_MS) };
/** Until a person has looked at them. */
const LETTERS_KEPT = { 'retention.ms': '-1' };
/** For the headers that a record gets on top of what it came with. */
const HEADER_ROOM_BYTES = 65_536;
/** Kafka's own `message.max.bytes`. */
const DEFAULT_LIMIT_BYTES = 1_048_588;

/**
 * Every topic that lastseen reads or writes, and what it should be. Source topics too: a subscription fails for all
 * topics where one is missing, and a table's topic appears only with its first row.
 *
 * @param existing those that exist by now: what records are sent on to takes as much as what they come from
 */
export function topicSpecs(settings: Settings, existing: readonly TopicSettings[]): TopicSpec[] {
  const sources = [...sourceTopics(settings).keys()];
  return [
    ...originTopics(settings),
    { ...own(settings, notificationTopic(settings), {}), partitions: 1 },
    own(settings, settings.KPI_UPDATED_TOPIC, EVENTS_KEPT),
    own(settings, settings.RECOMPUTE_RETRY_TOPIC, {
      ...EVENTS_KEPT,
      ...takingAll([settings.INACTIVITY_TOPIC], existing),
    }),
    own(settings, settings.TRACK_DLQ_TOPIC, { ...LETTERS_KEPT, ...takingAll(sources, existing) }),
    own(settings, settings.RECOMPUTE_DLQ_TOPIC, {
      ...LETTERS_KEPT,
      ...takingAll([settings.INACTIVITY_TOPIC], existing),
    }),
  ];
}

/** Those that consumers read first: what becomes of their records depends on how they are. */
export function originTopics(settings: Settings): TopicSpec[] {
  const size = { partitions: settings.TOPIC_PARTITIONS, replication: settings.TOPIC_REPLICATION };
  return [
    ...[...sourceTopics(settings).keys()].map((topic) => ({ topic, ...size, owner: 'connector' as const, config: {} })),
    own(settings, settings.INACTIVITY_TOPIC, EVENTS_KEPT),
  ];
}

/** A write is durable when all replicas but one have it, so that one broker may be down. */
function own(settings: Settings, topic: string, config: Readonly<Record<string, string>>): TopicSpec {
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

function takingAll(origins: readonly string[], existing: readonly TopicSettings[]): Record<string, string> {
  const limits = existing
    .filter(({ topic }) => origins.includes(topic))
    .map(({ config }) => Number(config.get('max.message.bytes') ?? DEFAULT_LIMIT_BYTES));
  const largest = Math.max(DEFAULT_LIMIT_BYTES, ...limits);
  return { 'max.message.bytes': String(largest + HEADER_ROOM_BYTES) };
}
