import { hash } from 'node:crypto';

/** The learners of a load, and the last seen that its records give. */
export interface ExpectedLastSeen {
  readonly userIds: readonly string[];
  /** Microseconds since the epoch by the learner's index; 0 if the learner has no record. */
  readonly lastSeen: BigInt64Array;
}

/** UUIDs in random order, so that rows are spread over an index. */
export function userIdOf(learner: number): string {
  const hex = hash('md5', `learner ${learner}`, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
