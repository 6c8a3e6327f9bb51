import type { Admin } from 'kafkajs';
import { waitFor } from './waiting.ts';

/**
 * Deletes a topic and creates it again, empty, with 4 partitions. Without `waitForLeaders: false` kafkajs may throw after
 * it has created the topic, and would then report for ever that it exists.
 */
export async function recreateTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  await waitFor(`topic ${topic} is deleted`, async () => !(await admin.listTopics()).includes(topic));
  await waitFor(`topic ${topic} is created again`, () =>
    admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 4 }] }).catch(() => false),
  );
}
