import type { Ground } from '../ground.ts';

export const AS_OF = '2026-03-16T05:00:00Z';

/**
 * Learners `learner-1` and on, all silent for 8 to 28 days, each with six exams of twenty questions and what else
 * figures are made of; one week of weekly rows.
 */
export async function populate({ database }: Ground, learners: number): Promise<void> {
  const ago = (n: string) => `timestamptz '${AS_OF}' - interval '8 days' - (${n} % 1728000) * interval '1 second'`;
  const statements = [
    'TRUNCATE exam_results, features_topic_daily, attempt, session, ability_estimates, weekly_kpi, lastseen.user_last_seen',
    `INSERT INTO exam_results (id, session_id, user_id, exam_id, status, result_json, created_at, updated_at)
     SELECT gen_random_uuid(), 's-' || u || '-' || e, 'learner-' || u, e, 'graded', q.json, at, at
     FROM generate_series(1, ${learners}) u
     CROSS JOIN generate_series(1, 6) e
     CROSS JOIN LATERAL (SELECT ${ago('(u * 7919 + e * 104729)')} AS at) t
     CROSS JOIN LATERAL (
       SELECT jsonb_build_object('questions', jsonb_agg(jsonb_build_object(
         'question_id', (u * 31 + e * 17 + n) % 20000, 'topic', 'topic-' || n % 5, 'is_correct', (u + e + n) % 3 > 0,
         'time_spent_sec', 10 + (u + n) % 80, 'used_hints', n % 3))) AS json
       FROM generate_series(1, 20) n
     ) q`,
    `INSERT INTO features_topic_daily (user_id, topic_id, date, attempts, correct, avg_time_ms, hints, last_seen_at, computed_at)
     SELECT 'learner-' || u, 'topic-' || t, ('2026-03-07'::date - t * 3), 10, 6, 20000, 2, ${ago('(u * 48611 + t * 15485)')}, '2026-03-07'
     FROM generate_series(1, ${learners}) u, generate_series(1, 5) t`,
    `INSERT INTO attempt (id, student_id, item_id, correct, response_time_ms, hint_used, completed_at)
     SELECT u * 100 + n, md5('learner-' || u)::uuid, n, n % 2 = 0, 20000, false, ${ago('(u * 15485 + n * 7919)')}
     FROM generate_series(1, ${learners}) u, generate_series(1, 10) n`,
    `INSERT INTO session (id, user_id, started_at, ended_at)
     SELECT 's-' || u || '-' || n, 'learner-' || u, at - interval '20 minutes', at
     FROM generate_series(1, ${learners}) u, generate_series(1, 5) n,
       LATERAL (SELECT ${ago('(u * 104729 + n * 48611)')} AS at) t`,
    `INSERT INTO ability_estimates (user_id, mean, sd, fitted_at, updated_at, created_at)
     SELECT 'learner-' || u, (u % 400) / 100.0 - 2, 0.4, '2026-03-01', '2026-03-01', '2026-03-01'
     FROM generate_series(1, ${learners}) u`,
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
     SELECT md5(user_id)::uuid, user_id, max(ended_at) FROM session GROUP BY user_id`,
    'VACUUM (ANALYZE)',
  ];
  for (const text of statements) await database.query({ text });
}
