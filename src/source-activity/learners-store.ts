import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import { smallerUserId } from '../activity/learner.ts';
import { perSource, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { mergeByLearner } from './merge-by-learner.ts';
import { readSourceActivity } from './totals-store.ts';

/** The newest activity of one learner per source, and the smallest spelling of the name. */
export interface SourceLearner extends Readonly<Record<Source, Instant | null>> {
  readonly studentId: StudentId;
  readonly userId: string | null;
}

const NO_INSTANTS = perSource(() => null);

/**
 * The rows that `track` would have made of these sources, by student id. Memory use does not depend on their number.
 *
 * @param until later instants are left out.
 */
export async function* readSourceLearners(
  snapshot: Queryable,
  sources: readonly Source[],
  attemptSource: AttemptSource,
  until: Instant,
): AsyncGenerator<SourceLearner, void, undefined> {
  const streams = sources.map((source) => readSourceActivity(snapshot, source, attemptSource, until));
  for await (const { studentId, rows } of mergeByLearner(streams)) {
    const learner: { -readonly [K in keyof SourceLearner]: SourceLearner[K] } = {
      studentId,
      userId: null,
      ...NO_INSTANTS,
    };
    for (const [index, source] of sources.entries()) {
      const row = rows[index];
      if (row === undefined) continue;
      learner.userId = smallerUserId(learner.userId, row.userId);
      learner[source] = row.at;
    }
    yield learner;
  }
}
