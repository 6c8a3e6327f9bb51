import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { failOnRefusal, kafkaFailure } from '../client/refusal.ts';

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  /** The connector creates its own topics, with its own settings, when it writes their first record. */
  readonly owner: 'lastseen' | 'connector';
  readonly config: Readonly<Record<string, string>>;
}

/** Creates missing topics and leaves existing ones unchanged. @returns the names created. */
export function createTopics(kafka: Kafka, specs: readonly TopicSpec[]): Promise<string[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter((spec) => !existing.has(spec.topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: false,
        topics: missing.map((spec) => ({
          topic: spec.topic,
          numPartitions: spec.partitions,
          replicationFactor: spec.replication,
          configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
        })),
      });
    }
    const created = missing.map((spec) => spec.topic);
    await waitForLeaders(admin, created);
    return created;
  });
}

const LEADERS_WITHIN_MS = 30_000;

/**
 * Waits until every partition of the new topics has a leader: until then reads and writes fail. Can go when the
 * driver's own wait no longer fails if a broker does not know the topic yet (tulios/kafkajs#1222).
 */
async function waitForLeaders(admin: Admin, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + LEADERS_WITHIN_MS;
  for (let waiting = names; waiting.length > 0; ) {
    // Of all topics: if one of the named topics is unknown, the driver fails the whole request.
    const { topics } = await admin.fetchTopicMetadata();
    const hasLeaders = (name: string) => {
      const partitions = topics.find((topic) => topic.name === name)?.partitions ?? [];
      return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
    };
    waiting = waiting.filter((name) => !hasLeaders(name));
    if (waiting.length === 0) return;
    if (performance.now() > deadline) {
      const message = `topics were created but have no leader after ${LEADERS_WITHIN_MS / 1000} s`;
      throw new LastseenError('kafka_unavailable', `${message}: ${waiting.join(', ')}`, { retriable: true });
    }
    await sleep(100);
  }
}

/** @throws LastseenError `topic_missing` with the names of missing topics; one would fail the whole subscription. */
export async function requireTopics(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const existing = new Set(await topicNames(kafka));
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0) {
    throw new LastseenError(
      'topic_missing',
      `topics do not exist: ${missing.join(', ')}; create them with \`lastseen topics\``,
    );
  }
}

/** The names of all topics that this user may see. */
export function topicNames(kafka: Kafka): Promise<readonly string[]> {
  return withAdmin(kafka, (admin) => admin.listTopics());
}

export function brokerCount(kafka: Kafka): Promise<number> {
  return withAdmin(kafka, async (admin) => (await admin.describeCluster()).brokers.length);
}

/** Runs `work` with an admin client, and always disconnects it. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  try {
    await failOnRefusal(kafka, admin.connect());
    return await work(admin);
  } catch (error) {
    throw kafkaFailure('could not ask the brokers', error);
  } finally {
    await admin.disconnect();
  }
}
