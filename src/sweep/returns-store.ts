import { formatInstant, type Instant } from '../activity/instant.ts';
import { instantColumns } from '../activity/source.ts';
import type { LearnerColumns } from '../last-seen/fold.ts';
import { studentIdArray, timestamptzArray } from '../last-seen/learner-arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { type DetectionTables, LIVE } from './detection-tables.ts';

/**
 * Closes the open episodes of those learners whose row is now later than the episode's last seen, and records one
 * `RETURNED` event per learner, even if several rungs were open. Its as-of is the latest of the activity's commit, the
 * newest as-of of the closed episodes, and the learner's last seen: a consumer then skips it neither as older than an event
 * it has answered nor because the learner was last seen after it. (An activity may lie after its commit: clocks differ, and
 * Debezium cuts commit times to milliseconds.) A learner without a `user_id`, or with an empty one,
 * gets no event.
 *
 * It must follow the upsert as a separate statement in the same transaction (READ COMMITTED): if a sweep recorded the
 * episode while the upsert waited for the learner's row, only a statement that starts after the wait sees the episode.
 *
 * @returns how many events were recorded.
 */
export async function closeEpisodes(tx: Queryable, learners: LearnerColumns, detectedAt: Instant): Promise<number> {
  if (learners.size === 0) return 0;
  const { count } = await tx.query({
    text: closing(
      LIVE,
      `
  SELECT e.student_id, e.threshold_days, e.last_seen_at,
    GREATEST(e.newest_as_of, u.committed_at, l.last_seen_at) AS as_of
  FROM unnest($2::uuid[], $3::timestamptz[]) AS u (student_id, committed_at)
  JOIN lastseen.episode e ON e.student_id = u.student_id AND e.returned_as_of IS NULL
  JOIN lastseen.user_last_seen l ON l.student_id = e.student_id AND l.last_seen_at > e.last_seen_at`,
    ),
    values: [
      formatInstant(detectedAt),
      studentIdArray(learners),
      timestamptzArray(learners.committedAt, learners.size),
    ],
  });
  return count;
}

/**
 * The same for all learners whose rows were raised by something other than `track` (a replay, a repair). Their commits
 * are not known, so the time of the activity is used instead.
 */
export async function closeAllEpisodes(
  tx: Queryable,
  detectedAt: Instant,
  tables: DetectionTables = LIVE,
): Promise<number> {
  const { count } = await tx.query({
    text: closing(
      tables,
      `
  SELECT e.student_id, e.threshold_days, e.last_seen_at, GREATEST(e.newest_as_of, l.last_seen_at) AS as_of
  FROM ${tables.episode} e
  JOIN ${tables.lastSeen} l ON l.student_id = e.student_id AND l.last_seen_at > e.last_seen_at
  WHERE e.returned_as_of IS NULL`,
    ),
    values: [formatInstant(detectedAt)],
  });
  return count;
}

/** $1 detected at. Rows are locked in the order of their key; a concurrent transaction then finds them closed. */
function closing({ lastSeen, episode, outbox }: DetectionTables, moved: string): string {
  return `
WITH moved AS (
  ${moved}
  ORDER BY e.student_id, e.threshold_days, e.last_seen_at
  FOR UPDATE OF e
), closed AS (
  UPDATE ${episode} e SET returned_as_of = moved.as_of
  FROM moved
  WHERE (e.student_id, e.threshold_days, e.last_seen_at) = (moved.student_id, moved.threshold_days, moved.last_seen_at)
  RETURNING e.student_id, e.threshold_days, e.last_seen_at, e.returned_as_of, e.reopenings
)
INSERT INTO ${outbox}
  (phase, student_id, user_id, threshold_days, last_seen_at,
   ${instantColumns()}, as_of, sweep_run_id, detected_at, reopenings)
SELECT DISTINCT ON (c.student_id)
  'RETURNED', c.student_id, l.user_id, c.threshold_days, c.last_seen_at,
  ${instantColumns('l')}, max(c.returned_as_of) OVER (PARTITION BY c.student_id), NULL, $1::timestamptz,
  c.reopenings
FROM closed c JOIN ${lastSeen} l USING (student_id)
WHERE l.user_id <> ''
ORDER BY c.student_id, c.last_seen_at DESC, c.threshold_days DESC`;
}
