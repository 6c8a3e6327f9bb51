import type { Kafka } from 'kafkajs';
import { must } from '../../runtime/must.ts';
import { type DriverCluster, withCluster } from '../client/cluster.ts';
import type { RawRecord } from '../client/records.ts';
import { withAdmin } from './admin.ts';

/**
 * The newest record of a topic, by its timestamp; undefined if there is none. It is fetched without a consumer group, which
 * the driver lacks (tulios/kafkajs#373): joining one takes seconds.
 */
export function newestRecord(kafka: Kafka, topic: string): Promise<RawRecord | undefined> {
  return withAdmin(kafka, async (admin) => {
    const [bounds, cluster] = await withCluster(() => admin.fetchTopicOffsets(topic));
    let newest: RawRecord | undefined;
    for (const { partition, low, high } of bounds) {
      if (BigInt(low) >= BigInt(high)) continue;
      const used = must(cluster, 'the ends of a topic are fetched from a cluster');
      const last = await fetchLast(used, topic, partition, BigInt(high) - 1n);
      if (last !== undefined && Number(last.timestamp) > Number(newest?.timestamp ?? -1)) newest = last;
    }
    return newest;
  });
}

const MAX_BYTES = 1_048_576;

/** Undefined if the partition ends with the mark of a transaction. */
async function fetchLast(
  cluster: DriverCluster,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<RawRecord | undefined> {
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
  const broker = await cluster.findBroker({ nodeId: must(nodeId, 'a partition whose end was fetched has a leader') });
  const { responses } = await broker.fetch({
    maxWaitTime: 1_000,
    minBytes: 1,
    maxBytes: MAX_BYTES,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: MAX_BYTES }] }],
  });
  const messages = responses.flatMap(({ partitions }) => partitions.flatMap((each) => each.messages));
  return messages.findLast(({ isControlRecord }) => !isControlRecord);
}
