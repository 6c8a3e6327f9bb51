import type { Lsn } from '../postgres/database.ts';
import { type Replica, untilReplayed } from '../postgres/replica.ts';
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
export async function waitForReplica(replica: ReplicaWait, { position, deadlineMs }: ReplicaGoal): Promise<boolean> {
  const quietUntilMs = performance.now() + (replica.quietMs ?? QUIET_MS);
  if (await untilReplayed(replica, position, Math.min(deadlineMs, quietUntilMs))) return true;
  if (performance.now() >= deadlineMs) return false;
  throw new LastseenError('replica_behind', `SOURCE_DATABASE_URL has not replayed the log up to ${position}`, {
    retriable: true,
  });
}
