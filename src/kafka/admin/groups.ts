import type { Kafka } from 'kafkajs';
import { safeMessage } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import { single } from '../../runtime/must.ts';
import { withAdmin } from './admin.ts';

export interface GroupFacts {
  /** `Stable`, `Empty`, `Dead` (no such group) or one of the states of a rebalance. */
  readonly state: string;
  readonly members: number;
}

export function readGroupFacts(kafka: Kafka, groupId: string): Promise<GroupFacts> {
  return withAdmin(kafka, async (admin) => {
    const { groups } = await admin.describeGroups([groupId]);
    const { state, members } = single(groups, 'one group was described');
    return { state, members: members.length };
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
