import type { Kafka } from 'kafkajs';
import { withAdmin } from './admin.ts';
import { ConfigResourceTypes } from './driver.ts';

/** A topic as the brokers have it. */
export interface TopicSettings {
  readonly topic: string;
  readonly partitions: number;
  /** Of the partition with the fewest replicas. */
  readonly replication: number;
  /** Every setting by its name, those that the topic has from its broker included. */
  readonly config: ReadonlyMap<string, string>;
}

/** The settings of these topics; those that do not exist are left out. */
export function readTopicSettings(kafka: Kafka, names: readonly string[]): Promise<TopicSettings[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const topics = names.filter((name) => existing.has(name));
    if (topics.length === 0) return [];
    const metadata = await admin.fetchTopicMetadata({ topics });
    const configs = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
    });
    return metadata.topics.map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.length,
      replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: new Map(
        configs.resources
          .filter(({ resourceName }) => resourceName === name)
          .flatMap(({ configEntries }) => configEntries.map((entry) => [entry.configName, entry.configValue])),
      ),
    }));
  });
}
