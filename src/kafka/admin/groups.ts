import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { LastseenError, safeMessage } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logging.ts';
import { single } from '../../runtime/must.ts';
import { AssignerProtocol } from '../client/driver.ts';
import { withAdmin } from './admin.ts';

export interface GroupFacts {
  /** `Stable`, `Empty`, `Dead` (no such group) or one of the states of a rebalance. */
  readonly state: string;
  readonly members: number;
  /** What each member subscribes to; empty while the group rebalances. */
  readonly subscriptions: readonly Subscription[];
}

interface Subscription {
  /** Client id and host. */
  readonly member: string;
  readonly topics: readonly string[];
}

export function readGroupFacts(kafka: Kafka, groupId: string): Promise<GroupFacts> {
  return withAdmin(kafka, async (admin) => {
    const { groups } = await admin.describeGroups([groupId]);
    const { state, members } = single(groups, 'one group was described');
    const subscriptions = members.flatMap(({ clientId, clientHost, memberMetadata }) => {
      const topics =
        memberMetadata.length === 0 ? undefined : AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics;
      return topics === undefined ? [] : [{ member: `${clientId} at ${clientHost}`, topics }];
    });
    return { state, members: members.length, subscriptions };
  });
}

/** The consumer group of a command. */
interface OwnGroup {
  readonly groupId: string;
  /** What names the group. */
  readonly setting: 'KAFKA_GROUP_ID' | 'OWN_PREFIX';
  readonly topics: readonly string[];
}

const SETTLED = ['Stable', 'Empty', 'Dead'];
const POLL_MS = 500;

/**
 * Refuses a group of another installation: its members and this process would take each other's partitions. A member of this
 * installation has at least one topic in common, also while a deploy changes the sources.
 *
 * @param waitMs how long a rebalance may take: the subscriptions of a group are unknown meanwhile
 * @throws LastseenError `config_invalid`
 */
export async function requireOwnGroup(
  kafka: Kafka,
  { groupId, setting, topics }: OwnGroup,
  waitMs: number,
): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const { state, subscriptions } = await readGroupFacts(kafka, groupId);
    const other = subscriptions.find((each) => each.topics.every((topic) => !topics.includes(topic)));
    if (other !== undefined) {
      throw new LastseenError(
        'config_invalid',
        `consumer group ${groupId} has a member (${other.member}) that reads ${other.topics.join(', ')}: ` +
          (setting === 'OWN_PREFIX'
            ? 'it belongs to another installation; set OWN_PREFIX to another name than that of the other one'
            : 'it belongs to another command or installation; set KAFKA_GROUP_ID to another name for each, or leave it out'),
      );
    }
    if (SETTLED.includes(state) || performance.now() > deadline) return;
    await sleep(POLL_MS);
  }
}

/** Deletes a consumer group. A failure is only logged: brokers expire a group without members. */
export async function deleteGroup(kafka: Kafka, groupId: string, log: Logger): Promise<void> {
  try {
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId]));
  } catch (error) {
    log.debug({ event: 'group_deletion_failed', groupId, error: safeMessage(error) }, 'group not deleted');
  }
}
