import type { TopicSpec } from './admin.ts';
import type { TopicSettings } from './topic-settings.ts';

/** A setting of a topic that is below what is required. */
export interface Difference {
  readonly what: string;
  readonly is: string;
  readonly wanted: string;
  /** The command for the operator; lastseen changes no existing topic. */
  readonly hint: string;
}

/**
 * What a topic lacks. More partitions, more replicas, a longer retention or a larger limit are an operator's decision
 * and no difference. A topic of the connector only has to accept its records.
 */
export function differencesOf(spec: TopicSpec, found: TopicSettings): Difference[] {
  if (spec.owner === 'connector') return [...insyncDifferences(found), ...limitDifferences(found)];
  return [
    ...shortfall(
      'partitions',
      found.partitions,
      spec.partitions,
      `${TOPICS} ${spec.topic} --partitions ${spec.partitions}`,
    ),
    ...shortfall('replication', found.replication, spec.replication, REPLICAS),
    ...Object.entries(spec.config).flatMap(([name, wanted]) => {
      const is = found.config.get(name) ?? 'not set';
      const hint = `${CONFIGS} ${spec.topic} --add-config ${name}=${wanted} (Strimzi: spec.config)`;
      return isEnough(name, is, wanted) ? [] : [{ what: name, is, wanted, hint }];
    }),
    ...insyncDifferences(found),
  ];
}

/** Kafka's default of `max.message.bytes`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

const SERVER = '--bootstrap-server $KAFKA_BROKERS --alter';
const TOPICS = `the operator decides, because keys move to other partitions: kafka-topics.sh ${SERVER} --topic`;
const CONFIGS = `kafka-configs.sh ${SERVER} --entity-type topics --entity-name`;
const REPLICAS = 'kafka-reassign-partitions.sh (Strimzi: spec.replicas)';

function shortfall(what: string, is: number, wanted: number, hint: string): Difference[] {
  return is >= wanted ? [] : [{ what, is: String(is), wanted: String(wanted), hint }];
}

function isEnough(name: string, is: string, wanted: string): boolean {
  if (name === 'cleanup.policy') return is === wanted;
  // A retention of -1 has no limit.
  const size = (text: string) => (text === '-1' ? Number.POSITIVE_INFINITY : Number(text));
  return size(is) >= size(wanted);
}

/** A connector stops at the first record that is larger than its topic accepts. */
function limitDifferences({ topic, config }: TopicSettings): Difference[] {
  const name = 'max.message.bytes';
  const is = Number(config.get(name) ?? DEFAULT_MAX_MESSAGE_BYTES);
  const hint = `the connector stops at a larger record: ${CONFIGS} ${topic} --add-config ${name}=${DEFAULT_MAX_MESSAGE_BYTES}`;
  return shortfall(name, is, DEFAULT_MAX_MESSAGE_BYTES, hint);
}

function insyncDifferences({ topic, replication, config }: TopicSettings): Difference[] {
  const name = 'min.insync.replicas';
  const is = config.get(name) ?? '1';
  if (Number(is) <= replication) return [];
  const hint = `until it is lowered no record can be written: ${CONFIGS} ${topic} --add-config ${name}=${replication}`;
  return [{ what: name, is, wanted: `at most ${replication}`, hint }];
}
