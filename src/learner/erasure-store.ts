import type { StudentId } from '../activity/activity.ts';
import type { Queryable } from '../postgres/database.ts';

/**
 * A name's own student id, as `studentIdOf` has it: every spelling of the learner is found, also where nothing but the
 * student id is known. No index serves it; erasing is done by hand, and must miss nothing.
 */
const NAMES_THE_LEARNER = `
CASE WHEN user_id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
  THEN user_id::uuid ELSE md5(user_id)::uuid END = $1::uuid`;

/**
 * The rows of one learner in every own table that names learners, in the order in which they are to be erased: the row of
 * last seen first. Whoever records an episode or a return holds it, so what they write is seen by the statements after.
 */
const ROWS = {
  user_last_seen: 'lastseen.user_last_seen WHERE student_id = $1::uuid',
  episode: 'lastseen.episode WHERE student_id = $1::uuid',
  inactivity_outbox: 'lastseen.inactivity_outbox WHERE student_id = $1::uuid',
  replay_shadow: 'lastseen.replay_shadow WHERE student_id = $1::uuid',
  as_if_activity: 'lastseen.as_if_activity WHERE student_id = $1::uuid',
  as_if_last_seen: 'lastseen.as_if_last_seen WHERE student_id = $1::uuid',
  as_if_episode: 'lastseen.as_if_episode WHERE student_id = $1::uuid',
  as_if_outbox: 'lastseen.as_if_outbox WHERE student_id = $1::uuid',
  kpi_watermark: `lastseen.kpi_watermark WHERE ${NAMES_THE_LEARNER}`,
  kpi_ledger: `lastseen.kpi_ledger WHERE ${NAMES_THE_LEARNER}`,
} as const;

type OwnTable = keyof typeof ROWS;
export type LearnerRows = Readonly<Record<OwnTable, number>>;

/** Erases the learner, decided events that are not published yet included. Belongs into one transaction. */
export async function eraseLearner(tx: Queryable, studentId: StudentId): Promise<LearnerRows> {
  return eachTable(async (rows) => (await tx.query({ text: `DELETE FROM ${rows}`, values: [studentId] })).count);
}

/** How many rows {@link eraseLearner} would erase; writes and locks nothing. */
export async function countLearnerRows(db: Queryable, studentId: StudentId): Promise<LearnerRows> {
  return eachTable(async (rows) => (await db.query({ text: `SELECT FROM ${rows}`, values: [studentId] })).count);
}

async function eachTable(count: (rows: string) => Promise<number>): Promise<LearnerRows> {
  const counts: Partial<Record<OwnTable, number>> = {};
  for (const [name, rows] of Object.entries(ROWS)) counts[name as OwnTable] = await count(rows);
  return counts as LearnerRows;
}
