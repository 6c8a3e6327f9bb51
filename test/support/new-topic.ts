import type { Kafka } from 'kafkajs';
import { createTopics } from '../../src/kafka/admin/admin.ts';
import { single } from '../../src/runtime/must.ts';

/** Creates a topic, and waits until its partitions can be read and written: the driver's own wait fails now and then. */
export async function createTopic(
  kafka: Kafka,
  topic: string,
  config: Readonly<Record<string, string>> = {},
  partitions = 4,
): Promise<void> {
  single(
    await createTopics(kafka, [{ topic, partitions, replication: 1, owner: 'lastseen', config }]),
    `there was no topic ${topic}`,
  );
}
