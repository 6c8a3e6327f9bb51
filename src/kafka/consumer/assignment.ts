import type { Consumer } from 'kafkajs';
import type { Position } from '../client/records.ts';
import type { PartitionStates } from './partition-state.ts';

/**
 * Follows the assignment of the group. For ranges this replaces manual assignment, which the driver lacks
 * (tulios/kafkajs#373; the seeks can go with it): a seek after joining takes effect before the first fetch, and
 * finished partitions are paused.
 */
export function followAssignment(consumer: Consumer, partitions: PartitionStates): void {
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    // The driver keeps partitions paused after a rebalance; this resumes them.
    partitions.assign(payload.memberAssignment);
    for (const [topic, assigned] of Object.entries(payload.memberAssignment)) {
      for (const partition of assigned) {
        const offset = partitions.seekOffset({ topic, partition });
        if (partitions.isFinished({ topic, partition })) consumer.pause([{ topic, partitions: [partition] }]);
        else if (offset !== undefined) consumer.seek({ topic, partition, offset: String(offset) });
      }
    }
  });
}

/** Commits the positions of owned partitions. A commit for a partition of another member could move its offset back. */
export async function commitOwned(
  consumer: Consumer,
  partitions: PartitionStates,
  positions: readonly Position[],
): Promise<void> {
  const owned = positions.filter((position) => partitions.owns(position));
  if (owned.length === 0) return;
  await consumer.commitOffsets(
    owned.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: String(nextOffset) })),
  );
}
