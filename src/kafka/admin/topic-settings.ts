import type { Kafka } from 'kafkajs';
import { ConfigResourceTypes } from '../client/driver.ts';
import { withAdmin } from './admin.ts';

/** A topic's settings at the broker. */
export interface TopicSettings {
  readonly topic: string;
  readonly partitions: number;
  /** The smallest number of replicas of a partition. */
  readonly replication: number;
  /** Every setting by name, with those inherited from the broker. */
  readonly config: ReadonlyMap<string, string>;
}

/** The settings of these topics. Missing topics are left out. */
export function readTopicSettings(kafka: Kafka, names: readonly string[]): Promise<TopicSettings[]> {
  return withAdmin(kafka, async (admin) => {
    // Of all topics: if one of the named topics is unknown, the driver fails the whole request.
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
