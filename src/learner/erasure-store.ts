import type { StudentId } from '../activity/activity.ts';
import { learnerKeySql, unpaddedSql } from '../activity/learner.ts';
import type { Queryable } from '../postgres/database.ts';

/**
 * Compares the student id of each `user_id`, computed as by `studentIdOf`. This finds every spelling of the learner, also if
 * only the student id is known. It uses no index: erasing is rare and must miss nothing.
 */
const HAS_STUDENT_ID = `${learnerKeySql(unpaddedSql('user_id'))} = $1::uuid`;

/**
 * The rows of one learner in every own table that identifies learners, in the order of erasing. The row of last seen comes
 * first: a sweep locks it while it records an episode or a return, so the later statements see what the sweep wrote.
 */
const ROWS = {
  user_last_seen: 'lastseen.user_last_seen WHERE student_id = $1::uuid',
  dead_letter: 'lastseen.dead_letter WHERE student_id = $1::uuid',
  episode: 'lastseen.episode WHERE student_id = $1::uuid',
  inactivity_outbox: 'lastseen.inactivity_outbox WHERE student_id = $1::uuid',
  sweep_candidate: 'lastseen.sweep_candidate WHERE student_id = $1::uuid',
  replay_shadow: 'lastseen.replay_shadow WHERE student_id = $1::uuid',
  as_if_activity: 'lastseen.as_if_activity WHERE student_id = $1::uuid',
  as_if_last_seen: 'lastseen.as_if_last_seen WHERE student_id = $1::uuid',
  as_if_episode: 'lastseen.as_if_episode WHERE student_id = $1::uuid',
  as_if_outbox: 'lastseen.as_if_outbox WHERE student_id = $1::uuid',
  kpi_watermark: `lastseen.kpi_watermark WHERE ${HAS_STUDENT_ID}`,
  kpi_ledger: `lastseen.kpi_ledger WHERE ${HAS_STUDENT_ID}`,
} as const;

type OwnTable = keyof typeof ROWS;
export type LearnerRows = Readonly<Record<OwnTable, number>>;

/** Erases the learner, including events that are not published yet. Must run in one transaction. */
export async function eraseLearner(tx: Queryable, studentId: StudentId): Promise<LearnerRows> {
  return forEachTable(async (rows) => (await tx.query({ text: `DELETE FROM ${rows}`, values: [studentId] })).count);
}

/** Counts the rows that {@link eraseLearner} would erase. Writes and locks nothing. */
export async function countLearnerRows(db: Queryable, studentId: StudentId): Promise<LearnerRows> {
  return forEachTable(async (rows) => (await db.query({ text: `SELECT FROM ${rows}`, values: [studentId] })).count);
}

async function forEachTable(count: (rows: string) => Promise<number>): Promise<LearnerRows> {
  const counts: Partial<Record<OwnTable, number>> = {};
  for (const [name, rows] of Object.entries(ROWS)) counts[name as OwnTable] = await count(rows);
  return counts as LearnerRows;
}
