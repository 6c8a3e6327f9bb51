import type { Admin, Kafka } from 'kafkajs';
import { must } from '../../runtime/must.ts';
import { withHighWatermarks } from '../client/cluster.ts';
import { type Partition, type Position, partitionKey } from '../client/records.ts';
import { withAdmin } from './admin.ts';

/** The offsets of a partition: from the first that retention has not deleted to before the end. */
export interface PartitionBounds extends Partition {
  readonly firstOffset: bigint;
  /** The high watermark: the offset after the last record ever written, even if retention has deleted it. */
  readonly endOffset: bigint;
}

export interface StableBounds extends PartitionBounds {
  /** The last stable offset. If it is below the end, an open transaction hides the records from here on. */
  readonly stableOffset: bigint;
}

/** The end of a partition. */
export interface EndPosition extends Position {
  readonly stableOffset: bigint;
}

/** The current bounds of every partition. Fails if a topic is missing. */
export function topicBounds(kafka: Kafka, topics: readonly string[]): Promise<StableBounds[]> {
  return withAdmin(kafka, (admin) => fetchBounds(admin, topics));
}

/** The bounds of one partition. */
export async function partitionBounds(
  kafka: Kafka,
  { topic, partition }: Partition,
): Promise<{ start: bigint; end: bigint }> {
  const found = (await topicBounds(kafka, [topic])).find((bounds) => bounds.partition === partition);
  const { firstOffset, endOffset } = must(found, `topic ${topic} has partition ${partition}`);
  return { start: firstOffset, end: endOffset };
}

/** The current end of every partition. Missing topics are left out. */
export function endPositions(kafka: Kafka, topics: readonly string[]): Promise<EndPosition[]> {
  return withAdmin(kafka, async (admin) =>
    (await fetchBounds(admin, await existing(admin, topics))).map(({ topic, partition, endOffset, stableOffset }) => ({
      topic,
      partition,
      nextOffset: endOffset,
      stableOffset,
    })),
  );
}

/** The last stable offset of every partition: a reading that ends there waits for no open transaction. */
export async function stablePositions(kafka: Kafka, topics: readonly string[]): Promise<Position[]> {
  const ends = await endPositions(kafka, topics);
  return ends.map(({ stableOffset, ...end }) => ({ ...end, nextOffset: stableOffset }));
}

/** Per partition, the offset of the first record with this timestamp or later; the end if there is none. */
export function offsetsForTime(kafka: Kafka, topics: readonly string[], timestampMs: number): Promise<Position[]> {
  return withAdmin(kafka, (admin) =>
    forEachTopic(topics, async (topic) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)).map(({ partition, offset }) => ({
        topic,
        partition,
        nextOffset: BigInt(offset),
      })),
    ),
  );
}

/** The committed offsets of the group. Partitions without a commit are left out. */
export function committedPositions(kafka: Kafka, groupId: string, topics: readonly string[]): Promise<Position[]> {
  return withAdmin(kafka, (admin) => fetchCommitted(admin, groupId, topics));
}

export interface PartitionLag extends Partition {
  /** Records between the committed offset and the end. */
  readonly records: bigint;
}

/** The consumer lag of the group per partition. A partition without a commit counts from its first record. */
export function groupLag(kafka: Kafka, groupId: string, topics: readonly string[]): Promise<PartitionLag[]> {
  return withAdmin(kafka, async (admin) => {
    const committed = new Map(
      (await fetchCommitted(admin, groupId, topics)).map((position) => [partitionKey(position), position.nextOffset]),
    );
    return (await fetchBounds(admin, topics)).map(({ topic, partition, firstOffset, endOffset }) => {
      const next = committed.get(partitionKey({ topic, partition })) ?? firstOffset;
      const records = endOffset - (next < firstOffset ? firstOffset : next);
      return { topic, partition, records: records > 0n ? records : 0n };
    });
  });
}

function fetchBounds(admin: Admin, topics: readonly string[]): Promise<StableBounds[]> {
  return forEachTopic(topics, async (topic) => {
    // The ends are read first: records that are written meanwhile do not count as hidden.
    const ends = await withHighWatermarks(() => admin.fetchTopicOffsets(topic));
    const stable = new Map(
      (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]),
    );
    return ends.map(({ partition, low, high }) => {
      const endOffset = BigInt(high);
      const stableOffset = stable.get(partition) ?? endOffset;
      return {
        topic,
        partition,
        firstOffset: BigInt(low),
        endOffset,
        stableOffset: stableOffset < endOffset ? stableOffset : endOffset,
      };
    });
  });
}

async function fetchCommitted(admin: Admin, groupId: string, topics: readonly string[]): Promise<Position[]> {
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  return committed.flatMap(({ topic, partitions }) =>
    partitions
      .map(({ partition, offset }) => ({ topic, partition, nextOffset: BigInt(offset) }))
      // The driver returns -1 for a partition without a commit.
      .filter(({ nextOffset }) => nextOffset >= 0n),
  );
}

async function existing(admin: Admin, topics: readonly string[]): Promise<readonly string[]> {
  const names = new Set(await admin.listTopics());
  return topics.filter((topic) => names.has(topic));
}

async function forEachTopic<T>(topics: readonly string[], query: (topic: string) => Promise<T[]>): Promise<T[]> {
  return (await Promise.all(topics.map(query))).flat();
}
