import type { Harness } from '../harness.ts';

export const AS_OF = '2026-03-16T05:00:00Z';

/**
 * Learners `learner-1`, `learner-2`, … `silent` of them, evenly spread, have been inactive for 8 to 28 days. Each of these
 * has six exams of twenty questions and the other inputs of figures. The others were seen within the last five days. Each
 * has one row per table, no questions, and a weekly row.
 */
export async function populate({ database, note }: Harness, silent: number, among = silent): Promise<void> {
  const isSilent = `u % ${Math.floor(among / silent)} = 0`;
  const learners = `generate_series(1, ${among}::bigint) u`;
  const each = (rows: number, name: string) =>
    `generate_series(1, CASE WHEN ${isSilent} THEN ${rows} ELSE 1 END) ${name}`;
  const ago = (n: string) => `timestamptz '${AS_OF}' - CASE
    WHEN ${isSilent} THEN interval '8 days' + (${n} % 1728000) * interval '1 second'
    ELSE (${n} % 432000) * interval '1 second'
  END`;
  const statements = [
    'TRUNCATE exam_results, features_topic_daily, attempt, session, ability_estimates, weekly_kpi, lastseen.user_last_seen',
    `INSERT INTO exam_results (id, session_id, user_id, exam_id, status, result_json, created_at, updated_at)
     SELECT uuidv7(), 's-' || u || '-' || e, 'learner-' || u, e, 'graded', q.json, at, at
     FROM ${learners}
     CROSS JOIN ${each(6, 'e')}
     CROSS JOIN LATERAL (SELECT ${ago('(u * 7919 + e * 104729)')} AS at) t
     CROSS JOIN LATERAL (
       SELECT jsonb_build_object('questions', jsonb_agg(jsonb_build_object(
         'question_id', (u * 31 + e * 17 + n) % 20000, 'topic', 'topic-' || n % 5, 'is_correct', (u + e + n) % 3 > 0,
         'time_spent_sec', 10 + (u + n) % 80, 'used_hints', n % 3))) AS json
       FROM generate_series(1, CASE WHEN ${isSilent} THEN 20 ELSE 0 END) n
     ) q`,
    `INSERT INTO features_topic_daily (user_id, topic_id, date, attempts, correct, avg_time_ms, hints, last_seen_at, computed_at)
     SELECT 'learner-' || u, 'topic-' || t, ('2026-03-07'::date - t * 3), 10, 6, 20000, 2, ${ago('(u * 48611 + t * 15485)')}, '2026-03-07'
     FROM ${learners}, ${each(5, 't')}`,
    `INSERT INTO attempt (id, student_id, item_id, correct, response_time_ms, hint_used, completed_at)
     SELECT u * 100 + n, md5('learner-' || u)::uuid, n, n % 2 = 0, 20000, false, ${ago('(u * 15485 + n * 7919)')}
     FROM ${learners}, ${each(10, 'n')}`,
    `INSERT INTO session (id, user_id, started_at, ended_at)
     SELECT 's-' || u || '-' || n, 'learner-' || u, at - interval '20 minutes', at
     FROM ${learners}, ${each(5, 'n')},
       LATERAL (SELECT ${ago('(u * 104729 + n * 48611)')} AS at) t`,
    `INSERT INTO ability_estimates (user_id, mean, sd, fitted_at, updated_at, created_at)
     SELECT 'learner-' || u, (u % 400) / 100.0 - 2, 0.4, '2026-03-01', '2026-03-01', '2026-03-01'
     FROM ${learners}`,
    `INSERT INTO weekly_kpi (user_id, week_start, kpis)
     SELECT 'learner-' || u, '2026-03-16', '{"I_t": 0.1, "E_t": 0.5, "R_t": 0.5, "A_t": 0.5, "P": 0.5, "S": 0.5}'
     FROM ${learners} WHERE (${isSilent}) IS FALSE`,
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
     SELECT md5(user_id)::uuid, user_id, max(ended_at) FROM session GROUP BY user_id`,
    'VACUUM (ANALYZE)',
  ];
  for (const text of statements) {
    const startedAt = performance.now();
    await database.query({ text });
    const [does = ''] = /^(INSERT INTO \S+|\w+)/.exec(text) ?? [];
    if (among > silent) note(`    ${does}  ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
}
