import type { Instant } from '../../src/activity/instant.ts';
import { perSource } from '../../src/activity/source.ts';
import { type LearnerColumns, type LearnerRow, NEVER } from '../../src/last-seen/fold.ts';

/** Learners as rows: with the id as the name if the columns have no text, and null for no instant. */
export function rowsOf({
  size,
  studentIds,
  userId,
  instants,
  committedAt,
}: LearnerColumns): (LearnerRow & { readonly committedAt: Instant | null })[] {
  const instantOf = (column: BigInt64Array | undefined, learner: number) => {
    const at = column?.[learner];
    return at === undefined || at === NEVER ? null : at;
  };
  return Array.from({ length: size }, (_, learner) => {
    const studentId = studentIds.textOf(learner);
    const name = userId(learner);
    return {
      studentId,
      userId: name === undefined ? studentId : name,
      ...perSource((source) => instantOf(instants[source], learner)),
      committedAt: instantOf(committedAt, learner),
    };
  });
}
