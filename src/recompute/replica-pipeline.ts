import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '../postgres/database.ts';
import type { Replica } from '../postgres/replica.ts';
import { LastseenError } from '../runtime/errors.ts';

export interface ReplicaWait extends Replica {
  /** How long the events of a round are held back for the replica; 10 minutes by default. */
  readonly maxWaitMs?: number;
  /** How long a call waits before it reports an outage; 5 seconds by default. */
  readonly quietMs?: number;
}

/** What a round waits for: the position of the primary when the round was taken, and until when. */
export interface ReplicaGoal {
  readonly position: Lsn;
  readonly deadlineMs: number;
}

const MAX_WAIT_MS = 600_000;
const QUIET_MS = 5_000;
const POLL_MS = 100;

export async function replicaGoal(replica: ReplicaWait): Promise<ReplicaGoal> {
  const deadlineMs = performance.now() + (replica.maxWaitMs ?? MAX_WAIT_MS);
  return { position: await replica.primaryPosition(), deadlineMs };
}

/**
 * Waits until the replica shows what the primary had committed at the goal. False after the deadline.
 *
 * Throws a retriable `replica_behind` after `quietMs`, so that the wait is logged and counted as an outage and a stop
 * does not wait for its end.
 */
export async function waitForReplica(
  { hasReplayed, quietMs = QUIET_MS }: ReplicaWait,
  { position, deadlineMs }: ReplicaGoal,
): Promise<boolean> {
  const quietUntilMs = performance.now() + quietMs;
  for (;;) {
    if (await hasReplayed(position)) return true;
    const nowMs = performance.now();
    if (nowMs >= deadlineMs) return false;
    if (nowMs >= quietUntilMs) {
      throw new LastseenError('replica_behind', `SOURCE_DATABASE_URL has not replayed the log up to ${position}`, {
        retriable: true,
      });
    }
    await sleep(POLL_MS);
  }
}
