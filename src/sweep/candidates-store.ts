import type { StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { instantArray, textArray, uuidArray } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { SeenLearner } from '../source-activity/newer-store.ts';
import { crossingLearners } from './episodes-store.ts';

/**
 * Stores who would get `CROSSED`, instead of the candidates of an earlier run, and counts them by threshold as
 * `countCrossing` does. Call it under the sweep lock.
 */
export async function collectCandidates(tx: Queryable, plan: SweepPlan): Promise<ReadonlyMap<number, bigint>> {
  await emptyCandidates(tx);
  const { text, values } = crossingLearners(plan);
  const { rows } = await tx.query<{ threshold_days: number; learners: bigint }>({
    text: `
WITH crossing AS MATERIALIZED (${text}), collected AS (
  INSERT INTO lastseen.sweep_candidate (student_id, user_id, last_seen_at)
  SELECT student_id, user_id, last_seen_at FROM crossing
)
SELECT threshold_days, count(*) AS learners FROM crossing GROUP BY threshold_days ORDER BY threshold_days`,
    values,
  });
  return new Map(rows.map(({ threshold_days, learners }) => [threshold_days, learners]));
}

export async function emptyCandidates(tx: Queryable): Promise<void> {
  await tx.query({ text: 'TRUNCATE lastseen.sweep_candidate' });
}

/** The next candidates in the order of their student ids. */
export async function readCandidates(
  db: Queryable,
  after: StudentId | undefined,
  limit: number,
): Promise<readonly SeenLearner[]> {
  const { rows } = await db.query<SeenLearner>({
    text: `
SELECT student_id AS "studentId", user_id AS "userId", last_seen_at AS "lastSeenAt"
FROM lastseen.sweep_candidate
WHERE $1::uuid IS NULL OR student_id > $1
ORDER BY student_id
LIMIT $2`,
    values: [after ?? null, limit],
  });
  return rows;
}

/** An activity that is later than the candidate's last seen. */
export interface NewerActivity {
  readonly studentId: StudentId;
  readonly at: Instant;
  readonly source: Source;
}

/** @param found at most one per learner. */
export async function noteNewer(db: Queryable, found: readonly NewerActivity[]): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_candidate candidate SET newer_at = found.at, newer_source = found.source
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS found (student_id, at, source)
WHERE candidate.student_id = found.student_id`,
    values: [
      uuidArray(found.map(({ studentId }) => studentId)),
      instantArray(found.map(({ at }) => at)),
      textArray(found.map(({ source }) => source)),
    ],
  });
}

export interface ContradictedLearner {
  readonly user_id: string;
  readonly last_seen_at: Instant;
  readonly newer_at: Instant;
  readonly newer_source: Source;
}

export interface NewerCounts {
  readonly verified: bigint;
  /** The table has the later activity now. */
  readonly returned: bigint;
  readonly contradicted: bigint;
}

/**
 * A candidate with a later activity whose row is as late now, or no longer exists, has returned; another one is
 * contradicted, unless an open dead letter may be the record of that activity.
 */
const JUDGED = `
SELECT candidate.*, seen.last_seen_at AS seen_at,
  CASE
    WHEN newer_at IS NULL THEN 'none'
    WHEN seen.student_id IS NULL OR seen.last_seen_at >= newer_at THEN 'returned'
    WHEN EXISTS (
      SELECT FROM lastseen.dead_letter letter
      WHERE letter.student_id = candidate.student_id AND letter.closed_at IS NULL
        AND (letter.latest_activity_at IS NULL OR letter.latest_activity_at >= newer_at)
    ) THEN 'doubtful'
    ELSE 'contradicted'
  END AS verdict
FROM lastseen.sweep_candidate candidate
LEFT JOIN lastseen.user_last_seen seen ON seen.student_id = candidate.student_id`;

/** Call it when all activities that were noted are proven to be applied. */
export async function judgeNewer(db: Queryable): Promise<NewerCounts> {
  const { rows } = await db.query<NewerCounts>({
    text: `
SELECT count(*) AS verified,
  count(*) FILTER (WHERE verdict = 'returned') AS returned,
  count(*) FILTER (WHERE verdict = 'contradicted') AS contradicted
FROM (${JUDGED}) AS judged`,
  });
  return single(rows, 'an aggregate returns one row');
}

export async function listContradicted(db: Queryable, limit: number): Promise<readonly ContradictedLearner[]> {
  const { rows } = await db.query<ContradictedLearner>({
    text: `
SELECT user_id, seen_at AS last_seen_at, newer_at, newer_source
FROM (${JUDGED}) AS judged
WHERE verdict = 'contradicted'
ORDER BY student_id
LIMIT $1`,
    values: [limit],
  });
  return rows;
}
