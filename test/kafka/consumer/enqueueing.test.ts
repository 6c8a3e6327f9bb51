import type { Consumer } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { createBatchQueue } from '../../../src/kafka/consumer/batch-queue.ts';
import { enqueueEmptyFetch } from '../../../src/kafka/consumer/enqueueing.ts';
import { PartitionStates } from '../../../src/kafka/consumer/partition-state.ts';

const nothing = () => {};

/** A member that owns partitions 0 and 1 of a topic. */
function setUp() {
  const queue = createBatchQueue(1_000);
  const partitions = new PartitionStates();
  partitions.assign({ t: [0, 1] });
  const seeks: string[] = [];
  const consumer = {
    pause: nothing,
    seek: ({ partition, offset }: { partition: number; offset: string }) => seeks.push(`${partition}: ${offset}`),
  } as unknown as Consumer;
  const stopping = new AbortController().signal;
  const enqueueing = { consumer, partitions, queue, stopping, delay: undefined, onProgress: nothing };
  return {
    seeks,
    fetchNothing: (partition: number, fetchOffset: bigint, endOffset: bigint) =>
      enqueueEmptyFetch(enqueueing, { topic: 't', partition, fetchOffset, endOffset }),
    async queued() {
      const found: string[] = [];
      for (let batch = await queue.next(0); batch !== undefined; batch = await queue.next(0)) {
        found.push(`${batch.partition}: ${batch.fromOffset} to ${batch.nextOffset}`);
      }
      return found;
    },
  };
}

describe('a fetch without records', () => {
  it('moves the reading to the end of the partition, once', async () => {
    const { fetchNothing, queued, seeks } = setUp();
    for (const fetchOffset of [5n, 8n, 8n]) fetchNothing(0, fetchOffset, 8n);
    fetchNothing(1, 3n, 3n);
    expect(await queued()).toEqual(['0: 5 to 8', '1: 3 to 3']);
    expect(seeks).toEqual(['0: 8']);
  });

  it('changes nothing for an empty partition, or one of another member', async () => {
    const { fetchNothing, queued } = setUp();
    fetchNothing(0, 0n, 0n);
    fetchNothing(2, 5n, 8n);
    expect(await queued()).toEqual([]);
  });
});
