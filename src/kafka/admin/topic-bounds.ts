import type { Kafka } from 'kafkajs';
import { safeMessage } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import type { Position } from '../client/records.ts';
import { withAdmin } from './admin.ts';

/** The offsets of a partition: from the first that retention has not deleted to before the end. */
export interface PartitionBounds {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly endOffset: bigint;
}

export function topicBounds(kafka: Kafka, topics: readonly string[]): Promise<PartitionBounds[]> {
  return withAdmin(kafka, async (admin) => {
    const found = await Promise.all(
      topics.map(async (topic) =>
        (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
          topic,
          partition,
          firstOffset: BigInt(low),
          endOffset: BigInt(high),
        })),
      ),
    );
    return found.flat();
  });
}

/** Per partition, the offset of the first record with this timestamp or later; the end if there is none. */
export function positionsAt(kafka: Kafka, topics: readonly string[], timestampMs: number): Promise<Position[]> {
  return withAdmin(kafka, async (admin) => {
    const found = await Promise.all(
      topics.map(async (topic) =>
        (await admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)).map(({ partition, offset }) => ({
          topic,
          partition,
          nextOffset: BigInt(offset),
        })),
      ),
    );
    return found.flat();
  });
}

/** Deletes a consumer group. A failure is only logged: brokers expire a group without members. */
export async function deleteGroup(kafka: Kafka, groupId: string, log: Logger): Promise<void> {
  try {
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId]));
  } catch (error) {
    log.debug({ event: 'group_deletion_failed', groupId, error: safeMessage(error) }, 'group not deleted');
  }
}
