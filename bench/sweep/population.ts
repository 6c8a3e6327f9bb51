import type { Harness } from '../harness.ts';

export const AS_OF = '2026-03-16T05:00:00Z';

/**
 * Learners `learner 1`, `learner 2`, …: each of the share was last seen 7.5 to 29 days ago, the others within the last six
 * days.
 */
export async function populateLastSeen(
  { database, note }: Harness,
  learners: number,
  silentShare: number,
): Promise<void> {
  await database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
  await database.query({
    text: `
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
SELECT md5('learner ' || n)::uuid, 'learner ' || n, ${lastSeen(silentShare)}
FROM generate_series(1, $1::bigint) n`,
    values: [learners],
  });
  await database.query({ text: 'VACUUM (ANALYZE) lastseen.user_last_seen' });
  note(`${learners} learners, ${learners * silentShare} of them inactive`);
}

const lastSeen = (silentShare: number) => `timestamptz '${AS_OF}' - CASE
    WHEN n % ${Math.round(1 / silentShare)} = 0 THEN interval '7.5 days' + (n * 7919 % 1857600) * interval '1 second'
    ELSE (n * 7919 % 518400) * interval '1 second'
  END`;

/** Sessions of the same learners, one per day until they were last seen, and the index that `doctor` asks for. */
export async function populateSessions(
  { database, note }: Harness,
  learners: number,
  silentShare: number,
  each: number,
): Promise<void> {
  await database.query({
    text: `
INSERT INTO session (id, user_id, started_at, ended_at)
SELECT 's-' || n || '-' || day, 'learner ' || n, at - interval '20 minutes', at
FROM generate_series(0, $2::int - 1) day, generate_series(1, $1::bigint) n,
  LATERAL (SELECT ${lastSeen(silentShare)} - day * interval '1 day' AS at) t`,
    values: [learners, each],
  });
  await database.query({
    text: 'CREATE INDEX IF NOT EXISTS session_learner_instant ON session (user_id, (coalesce(ended_at, started_at)))',
  });
  await database.query({ text: 'VACUUM (ANALYZE) session' });
  note(`  ${learners * each} sessions`);
}

/** Rows of the other sources for the same learners, before they were last seen, and the indexes that `doctor` asks for. */
export async function populateOtherSources(
  { database, note }: Harness,
  learners: number,
  silentShare: number,
): Promise<void> {
  const statements = [
    `INSERT INTO exam_results (id, session_id, user_id, exam_id, status, created_at, updated_at)
     SELECT md5('exam ' || n)::uuid, 's-' || n, 'learner ' || n, n % 89, 'graded', at - interval '1 hour', at
     FROM generate_series(1, $1::bigint) n, LATERAL (SELECT ${lastSeen(silentShare)} - interval '3 days' AS at) t`,
    `INSERT INTO features_topic_daily (user_id, topic_id, date, attempts, last_seen_at)
     SELECT 'learner ' || n, 'algebra', at::date, 10, at
     FROM generate_series(1, $1::bigint) n, LATERAL (SELECT ${lastSeen(silentShare)} - interval '2 hours' AS at) t`,
    `INSERT INTO attempt (id, student_id, item_id, completed_at)
     SELECT n * 2 + k, md5('learner ' || n)::uuid, n % 20000, at - k * interval '1 minute'
     FROM generate_series(1, $1::bigint) n, generate_series(0, 1) k,
       LATERAL (SELECT ${lastSeen(silentShare)} - interval '1 hour' AS at) t`,
  ];
  for (const text of statements) await database.query({ text, values: [learners] });
  for (const text of [
    'CREATE INDEX exam_results_learner_instant ON exam_results (user_id, (coalesce(updated_at, created_at)))',
    'CREATE INDEX features_topic_daily_learner_instant ON features_topic_daily (user_id, last_seen_at)',
    'CREATE INDEX attempt_learner_instant ON attempt (student_id, completed_at)',
    'VACUUM (ANALYZE) exam_results, features_topic_daily, attempt',
  ]) {
    await database.query({ text });
  }
  note(`  ${learners} exam results, ${learners} features, ${learners * 2} attempts`);
}
