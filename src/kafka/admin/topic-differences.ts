import type { TopicSpec } from './admin.ts';
import type { TopicSettings } from './topic-settings.ts';

/** Where a topic is less than it should be. */
export interface Difference {
  readonly what: string;
  readonly is: string;
  readonly wanted: string;
  /** How a person mends it; nothing here changes a topic that exists. */
  readonly hint: string;
}

/**
 * What a topic lacks of what is wanted. More partitions, more replicas, a longer retention or a larger limit were
 * somebody's decision, and are left alone. Of a topic that the connector makes nothing is wanted but that it is there.
 */
export function differencesOf(spec: TopicSpec, found: TopicSettings): Difference[] {
  if (spec.owner === 'connector') return [];
  return [
    ...lacking(
      'partitions',
      found.partitions,
      spec.partitions,
      `${TOPICS} ${spec.topic} --partitions ${spec.partitions}`,
    ),
    ...lacking('replication', found.replication, spec.replication, REPLICAS),
    ...Object.entries(spec.config).flatMap(([name, wanted]) => {
      const is = found.config.get(name) ?? '';
      const hint = `${CONFIGS} ${spec.topic} --add-config ${name}=${wanted} (Strimzi: spec.config)`;
      return isEnough(name, is, wanted) ? [] : [{ what: name, is, wanted, hint }];
    }),
    ...unwritable(found),
  ];
}

const SERVER = '--bootstrap-server $KAFKA_BROKERS --alter';
const TOPICS = `a person's decision, since keys move to other partitions: kafka-topics.sh ${SERVER} --topic`;
const CONFIGS = `kafka-configs.sh ${SERVER} --entity-type topics --entity-name`;
const REPLICAS = 'kafka-reassign-partitions.sh (Strimzi: spec.replicas)';

function lacking(what: string, is: number, wanted: number, hint: string): Difference[] {
  return is >= wanted ? [] : [{ what, is: String(is), wanted: String(wanted), hint }];
}

function isEnough(name: string, is: string, wanted: string): boolean {
  if (name === 'cleanup.policy') return is === wanted;
  // Of a retention -1 is the longest.
  const size = (text: string) => (text === '-1' ? Number.POSITIVE_INFINITY : Number(text));
  return is !== '' && size(is) >= size(wanted);
}

function unwritable({ topic, replication, config }: TopicSettings): Difference[] {
  const name = 'min.insync.replicas';
  const is = config.get(name) ?? '1';
  if (Number(is) <= replication) return [];
  const hint = `nothing can be written: ${CONFIGS} ${topic} --add-config ${name}=${replication}`;
  return [{ what: name, is, wanted: `at most ${replication}`, hint }];
}
