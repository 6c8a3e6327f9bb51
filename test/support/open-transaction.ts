import type { World } from './world.ts';

const PARTITIONS = [0, 1, 2, 3];

/** A transaction of another producer with one tombstone per partition. */
export async function openTransaction({ kafka }: World, topic: string, id: string) {
  const transactionTimeout = 600_000;
  const producer = kafka.producer({
    transactionalId: id,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: PARTITIONS.map((partition) => ({ partition, key: 'open', value: null })) });
  return {
    async commit() {
      await transaction.commit();
      await producer.disconnect();
    },
  };
}
