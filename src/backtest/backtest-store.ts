import { instantColumns } from '../activity/source.ts';
import type { LearnerColumns } from '../last-seen/fold.ts';
import { LEARNER_ARRAY_COUNT, learnerArrays } from '../last-seen/learner-arrays.ts';
import { INCOMING_CTE, RAISE_SET_LIST } from '../last-seen/raise-store.ts';
import type { Queryable } from '../postgres/database.ts';
import type { DetectionTables } from '../sweep/detection-tables.ts';

/** Copies of the live tables, with the names that release 0.1 gave them. */
export const BACKTEST_TABLES: DetectionTables = {
  lastSeen: 'lastseen.as_if_last_seen',
  episode: 'lastseen.as_if_episode',
  outbox: 'lastseen.as_if_outbox',
};

/** Empties all tables of a backtest. */
export async function emptyBacktestTables(db: Queryable): Promise<void> {
  await db.query({
    text: `TRUNCATE lastseen.as_if_activity, lastseen.as_if_last_seen, lastseen.as_if_episode, lastseen.as_if_outbox`,
  });
}

/**
 * Saves the activities that the sweep of this day sees and the sweep before it does not. Idempotent, and independent of
 * the order of calls.
 *
 * @param sweepOn `YYYY-MM-DD`
 */
export async function saveActivity(tx: Queryable, sweepOn: string, learners: LearnerColumns): Promise<void> {
  if (learners.size === 0) return;
  await tx.query({
    name: 'save_backtest_activity',
    text: `
WITH ${INCOMING_CTE}
INSERT INTO lastseen.as_if_activity AS t
  (sweep_on, student_id, user_id, ${instantColumns()})
SELECT $${LEARNER_ARRAY_COUNT + 1}::date, i.* FROM incoming i ORDER BY i.student_id
ON CONFLICT (sweep_on, student_id) DO UPDATE SET
  ${RAISE_SET_LIST}`,
    values: [...learnerArrays(learners), sweepOn],
  });
}

/** Advances last seen from the sweep of the day before to the sweep of this day. */
export async function advanceLastSeen(tx: Queryable, sweepOn: string): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.as_if_last_seen AS t
  (student_id, user_id, ${instantColumns()})
SELECT student_id, user_id, ${instantColumns()}
FROM lastseen.as_if_activity WHERE sweep_on = $1
ON CONFLICT (student_id) DO UPDATE SET
  ${RAISE_SET_LIST}`,
    values: [sweepOn],
  });
}

export async function emptyBacktestOutbox(db: Queryable): Promise<void> {
  await db.query({ text: 'TRUNCATE lastseen.as_if_outbox' });
}
