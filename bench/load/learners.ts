import { hash } from 'node:crypto';

/** What a load says of its learners: who they are, and when each was last seen by the latest of its records. */
export interface ExpectedLastSeen {
  readonly userIds: readonly string[];
  /** Microseconds of the epoch by the learner's number; 0: no record names the learner. */
  readonly lastSeen: BigInt64Array;
}

/** Ids are UUIDs in no order, so that their rows lie anywhere in an index. */
export function userIdOf(learner: number): string {
  const hex = hash('md5', `learner ${learner}`, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
