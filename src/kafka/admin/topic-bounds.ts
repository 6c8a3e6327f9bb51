import type { Kafka } from 'kafkajs';
import { safeMessage } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import type { Position } from '../client/records.ts';
import { withAdmin } from './admin.ts';

/** What a partition holds: from the first offset that retention has left to before the end. */
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

/** The first offset of every partition whose record is of this time or later; its end where there is none. */
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

/** Deletes a group of our own that nobody is to go on with. One that is left over costs a few bytes, and is logged. */
export async function deleteGroup(kafka: Kafka, groupId: string, log: Logger): Promise<void> {
  try {
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId]));
  } catch (error) {
    log.debug({ event: 'group_deletion_failed', groupId, error: safeMessage(error) }, 'group not deleted');
  }
}
