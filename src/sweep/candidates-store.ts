import type { StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import { learnerKeySql } from '../activity/learner.ts';
import type { Source } from '../activity/source.ts';
import { instantArray, uuidArray } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Newer, SeenLearners } from '../source-activity/newer-store.ts';
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

/** Some of the candidates, in the order of their student ids. */
export interface CandidateBatch extends SeenLearners {
  readonly size: number;
  readonly last: StudentId;
}

/** The next candidates; undefined if there are no more. */
export async function readCandidates(
  db: Queryable,
  after: StudentId | undefined,
  limit: number,
): Promise<CandidateBatch | undefined> {
  const { rows } = await db.query<CandidateBatch>({
    text: `
SELECT count(*)::int AS size, max(student_id::text COLLATE "C") AS last, array_agg(student_id)::text AS "studentIds",
  array_agg(user_id)::text AS "userIds", array_agg(nullif(${learnerKeySql('user_id')}, student_id))::text AS "otherKeys",
  array_agg(last_seen_at)::text AS "lastSeenAts"
FROM (
  SELECT student_id, user_id, last_seen_at
  FROM lastseen.sweep_candidate
  WHERE $1::uuid IS NULL OR student_id > $1
  ORDER BY student_id
  LIMIT $2
) AS batch
HAVING count(*) > 0`,
    values: [after ?? null, limit],
  });
  return rows[0];
}

/** Keeps the latest activity per candidate. */
export async function noteNewer(db: Queryable, source: Source, found: readonly Newer[]): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.sweep_candidate candidate SET newer_at = found.at, newer_source = $3
FROM unnest($1::uuid[], $2::timestamptz[]) AS found (student_id, at)
WHERE candidate.student_id = found.student_id AND (newer_at IS NULL OR newer_at < found.at)`,
    values: [uuidArray(found.map(({ studentId }) => studentId)), instantArray(found.map(({ at }) => at)), source],
  });
}

export interface ContradictedLearner {
  readonly user_id: string;
  readonly last_seen_at: Instant;
  readonly newer_at: Instant;
  readonly newer_source: Source;
}

export interface NewerCounts {
  /** The table has the later activity now. */
  readonly returned: bigint;
  readonly contradicted: bigint;
}

/**
 * The candidates with a later activity. If their row is as late now, or no longer exists, they have returned; otherwise they
 * are contradicted, unless an open dead letter may be the record of that activity. The row is read by a subquery, because a
 * join would read the whole table.
 */
const JUDGED = `
SELECT candidate.*,
  CASE
    WHEN seen_at IS NULL OR seen_at >= newer_at THEN 'returned'
    WHEN EXISTS (
      SELECT FROM lastseen.dead_letter letter
      WHERE letter.student_id = candidate.student_id AND letter.closed_at IS NULL
        AND (letter.latest_activity_at IS NULL OR letter.latest_activity_at >= newer_at)
    ) THEN 'doubtful'
    ELSE 'contradicted'
  END AS verdict
FROM (
  SELECT candidate.*, (
    SELECT last_seen_at FROM lastseen.user_last_seen seen WHERE seen.student_id = candidate.student_id
  ) AS seen_at
  FROM lastseen.sweep_candidate candidate
  WHERE newer_at IS NOT NULL
  OFFSET 0
) AS candidate`;

/** Call it when all activities that were noted are proven to be applied. */
export async function judgeNewer(db: Queryable): Promise<NewerCounts> {
  const { rows } = await db.query<NewerCounts>({
    text: `
SELECT count(*) FILTER (WHERE verdict = 'returned') AS returned,
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
