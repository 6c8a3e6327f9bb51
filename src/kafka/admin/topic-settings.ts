import type { Kafka } from 'kafkajs';
import { ConfigResourceTypes } from '../client/driver.ts';
import { withAdmin } from './admin.ts';

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
    // Of all topics: asked for one that is not known, a broker answers with an error.
    const metadata = (await admin.fetchTopicMetadata()).topics.filter(({ name }) => names.includes(name));
    if (metadata.length === 0) return [];
    const configs = await admin.describeConfigs({
      includeSynonyms: false,
      resources: metadata.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
    });
    return metadata.map(({ name, partitions }) => ({
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
