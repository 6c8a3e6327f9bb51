import type { Kafka } from 'kafkajs';
import { withAdmin } from './admin.ts';

export function brokerCount(kafka: Kafka): Promise<number> {
  return withAdmin(kafka, async (admin) => (await admin.describeCluster()).brokers.length);
}

export interface GroupFacts {
  /** `Stable`, `Empty`, `Dead` (no such group) or one of the states of a rebalance. */
  readonly state: string;
  readonly members: number;
}

export function readGroupFacts(kafka: Kafka, groupId: string): Promise<GroupFacts> {
  return withAdmin(kafka, async (admin) => {
    const { groups } = await admin.describeGroups([groupId]);
    return { state: groups[0]?.state ?? 'Dead', members: groups[0]?.members.length ?? 0 };
  });
}

/** The number of records that each topic keeps. Missing topics are left out. */
export function keptRecords(kafka: Kafka, topics: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const kept = await Promise.all(
      topics
        .filter((topic) => existing.has(topic))
        .map(async (topic) => {
          const partitions = await admin.fetchTopicOffsets(topic);
          return [topic, partitions.reduce((sum, { high, low }) => sum + BigInt(high) - BigInt(low), 0n)] as const;
        }),
    );
    return new Map(kept);
  });
}
