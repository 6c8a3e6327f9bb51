import { topicBounds } from '../../src/kafka/admin/offsets.ts';
import type { RawRecord } from '../../src/kafka/client/records.ts';
import type { World } from './world.ts';

const READ_MS = 60_000;

/** All records that a topic holds now, in order per partition. */
export async function recordsOf({ kafka, name }: World, topic: string): Promise<RawRecord[]> {
  const bounds = (await topicBounds(kafka, [topic])).filter(
    ({ firstOffset, stableOffset }) => firstOffset < stableOffset,
  );
  const left = new Map(bounds.map(({ partition, stableOffset }) => [partition, stableOffset]));
  const found: RawRecord[] = [];
  if (left.size === 0) return found;
  const consumer = kafka.consumer({ groupId: `${name}-read-${Math.random()}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const read = Promise.withResolvers<void>();
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        found.push(message);
        if (BigInt(message.offset) + 1n >= (left.get(partition) ?? 0n)) left.delete(partition);
        if (left.size === 0) read.resolve();
      },
    });
    const timer = setTimeout(
      () =>
        read.reject(
          new Error(`not all records of ${topic} were read within ${READ_MS / 1_000} s: ${found.length} read`),
        ),
      READ_MS,
    );
    await read.promise.finally(() => clearTimeout(timer));
    return found;
  } finally {
    await consumer.disconnect();
  }
}
