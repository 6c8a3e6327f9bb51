import type { LearnerColumns } from '../last-seen/fold.ts';
import { learnerArrays } from '../last-seen/learner-arrays.ts';
import { INCOMING, RAISED } from '../last-seen/raise-store.ts';
import type { Queryable } from '../postgres/database.ts';

/** Empties everything that a detection as if it had run reads and writes. */
export async function emptyAsIf(db: Queryable): Promise<void> {
  await db.query({
    text: `TRUNCATE lastseen.as_if_activity, lastseen.as_if_last_seen, lastseen.as_if_episode, lastseen.as_if_outbox`,
  });
}

/** Keeps what learners did by the sweep of this day and not by the one before it. Repeatable, in any order. */
export async function keepActivity(tx: Queryable, sweepOn: string, learners: LearnerColumns): Promise<void> {
  if (learners.size === 0) return;
  await tx.query({
    name: 'keep_as_if_activity',
    text: `
WITH ${INCOMING}
INSERT INTO lastseen.as_if_activity AS t
  (sweep_on, student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at)
SELECT $7::date, i.* FROM incoming i ORDER BY i.student_id
ON CONFLICT (sweep_on, student_id) DO UPDATE SET
  ${RAISED}`,
    values: [...learnerArrays(learners), sweepOn],
  });
}

/** Raises last seen to what it would have been at the sweep of this day, from what it was at the one before. */
export async function reachDay(tx: Queryable, sweepOn: string): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.as_if_last_seen AS t
  (student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at)
SELECT student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at
FROM lastseen.as_if_activity WHERE sweep_on = $1
ON CONFLICT (student_id) DO UPDATE SET
  ${RAISED}`,
    values: [sweepOn],
  });
}

/** Lets go of what was decided so far, once it is written elsewhere. */
export async function emptyAsIfOutbox(db: Queryable): Promise<void> {
  await db.query({ text: 'TRUNCATE lastseen.as_if_outbox' });
}
