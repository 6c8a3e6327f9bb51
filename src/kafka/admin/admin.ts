import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { type Partition, type Position, partitionKey } from '../client/records.ts';
import { kafkaFailure, unlessRefused } from '../client/refusal.ts';

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
        // The driver's own wait fails if a broker does not know the topic yet (tulios/kafkajs#1222).
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
    await untilLed(admin, created);
    return created;
  });
}

const LED_WITHIN_MS = 30_000;

/** Waits until every partition of the new topics has a leader. Until then reads and writes fail. */
async function untilLed(admin: Admin, names: readonly string[]): Promise<void> {
  const giveUpAt = performance.now() + LED_WITHIN_MS;
  for (let waiting = [...names]; waiting.length > 0; ) {
    // All topics: a request that names an unknown topic fails as a whole.
    const { topics } = await admin.fetchTopicMetadata();
    const isLed = (name: string) => {
      const partitions = topics.find((topic) => topic.name === name)?.partitions ?? [];
      return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
    };
    waiting = waiting.filter((name) => !isLed(name));
    if (waiting.length === 0) return;
    if (performance.now() > giveUpAt) {
      throw new LastseenError(
        'kafka_unavailable',
        `topics were created but have no leader after ${LED_WITHIN_MS / 1000} s: ${waiting.join(', ')}`,
        {
          retriable: true,
        },
      );
    }
    await sleep(100);
  }
}

/** @throws LastseenError `topic_missing` with the names of missing topics; one would fail the whole subscription. */
export async function requireTopics(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const existing = new Set(await withAdmin(kafka, (admin) => admin.listTopics()));
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0) {
    throw new LastseenError(
      'topic_missing',
      `topics do not exist: ${missing.join(', ')}; create them with \`lastseen topics\``,
    );
  }
}

/** The end of a partition, and the offset of its first record that retention has not deleted. */
export interface EndPosition extends Position {
  readonly firstOffset: bigint;
}

/** The current end of every partition: the offset after its last record. */
export function endPositions(kafka: Kafka, topics: readonly string[]): Promise<EndPosition[]> {
  return withAdmin(kafka, async (admin) => {
    const ends = await Promise.all(
      topics.map(async (topic) => {
        const partitions = await admin.fetchTopicOffsets(topic);
        return partitions.map(({ partition, high, low }) => ({
          topic,
          partition,
          nextOffset: BigInt(high),
          firstOffset: BigInt(low),
        }));
      }),
    );
    return ends.flat().map(({ nextOffset, firstOffset, ...partition }) => ({
      ...partition,
      firstOffset,
      // Retention has deleted every record: there is nothing to read.
      nextOffset: nextOffset === firstOffset ? 0n : nextOffset,
    }));
  });
}

/**
 * The offset after the last record ever written to every partition, also if retention has deleted it. Missing topics
 * are left out.
 */
export function writtenPositions(kafka: Kafka, topics: readonly string[]): Promise<Position[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const ends = await Promise.all(
      topics
        .filter((topic) => existing.has(topic))
        .map(async (topic) => {
          const partitions = await admin.fetchTopicOffsets(topic);
          return partitions.map(({ partition, high }) => ({ topic, partition, nextOffset: BigInt(high) }));
        }),
    );
    return ends.flat();
  });
}

/** The first offset of the partition's log and the offset after its last record. */
export function partitionBounds(
  kafka: Kafka,
  { topic, partition }: Partition,
): Promise<{ start: bigint; end: bigint }> {
  return withAdmin(kafka, async (admin) => {
    const found = (await admin.fetchTopicOffsets(topic)).find((each) => each.partition === partition);
    if (found === undefined) throw new Error(`topic ${topic} has no partition ${partition}`);
    return { start: BigInt(found.low), end: BigInt(found.high) };
  });
}

/** The committed offsets of the group. Partitions without a commit are left out. */
export function committedPositions(kafka: Kafka, groupId: string, topics: readonly string[]): Promise<Position[]> {
  return withAdmin(kafka, async (admin) => {
    const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
    return committed.flatMap(({ topic, partitions }) =>
      partitions
        .filter(({ offset }) => BigInt(offset) >= 0n)
        .map(({ partition, offset }) => ({ topic, partition, nextOffset: BigInt(offset) })),
    );
  });
}

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Records between the committed offset and the end. */
  readonly records: bigint;
}

/** The consumer lag of the group per partition. A partition without a commit counts from its first record. */
export function groupLag(kafka: Kafka, groupId: string, topics: readonly string[]): Promise<PartitionLag[]> {
  return withAdmin(kafka, async (admin) => {
    const committed = new Map(
      (await admin.fetchOffsets({ groupId, topics: [...topics] })).flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [partitionKey({ topic, partition }), BigInt(offset)] as const),
      ),
    );
    const lags = await Promise.all(
      topics.map(async (topic) =>
        (await admin.fetchTopicOffsets(topic)).map(({ partition, high, low }) => {
          const at = committed.get(partitionKey({ topic, partition })) ?? -1n;
          const from = at < BigInt(low) ? BigInt(low) : at;
          return { topic, partition, records: BigInt(high) > from ? BigInt(high) - from : 0n };
        }),
      ),
    );
    return lags.flat();
  });
}

/** Per partition, the offset of the first record written at the instant or later; the end if there is none. */
export function positionsSince(kafka: Kafka, topics: readonly string[], sinceMs: number): Promise<Position[]> {
  return withAdmin(kafka, async (admin) => {
    const found = await Promise.all(
      topics.map(async (topic) => {
        const partitions = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
        return partitions.map(({ partition, offset }) => ({ topic, partition, nextOffset: BigInt(offset) }));
      }),
    );
    return found.flat();
  });
}

/** Deletes a consumer group without members. */
export function deleteGroup(kafka: Kafka, groupId: string): Promise<void> {
  return withAdmin(kafka, async (admin) => {
    await admin.deleteGroups([groupId]);
  });
}

/** Runs `work` with an admin client and disconnects it in any case. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  try {
    await unlessRefused(kafka, admin.connect());
    return await work(admin);
  } catch (error) {
    throw kafkaFailure('Kafka is not available', error);
  } finally {
    await admin.disconnect();
  }
}
