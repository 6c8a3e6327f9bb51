import type { Admin } from 'kafkajs';
import { waitFor } from './waiting.ts';
import type { World } from './world.ts';

/** Waits until the consumer group of a command is stable with this number of members. */
export async function waitForMembers(world: World, command: 'track' | 'recompute', count: number): Promise<void> {
  await withAdmin(world, (admin) =>
    waitFor(`the group of ${command} is stable with ${count} members`, async () => {
      const { groups } = await admin.describeGroups([world.groupOf(command)]);
      return groups[0]?.state === 'Stable' && groups[0].members.length === count;
    }),
  );
}

/** The ids of all consumer groups with this prefix, sorted. */
export function listGroups(world: World, prefix: string): Promise<string[]> {
  return withAdmin(world, async (admin) => {
    const { groups } = await admin.listGroups();
    return groups
      .map(({ groupId }) => groupId)
      .filter((groupId) => groupId.startsWith(prefix))
      .sort();
  });
}

async function withAdmin<T>({ kafka }: World, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  return work(admin).finally(() => admin.disconnect());
}
