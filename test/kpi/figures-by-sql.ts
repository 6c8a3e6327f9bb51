import { formatInstant, type Instant } from '../../src/activity/instant.ts';
import type { Queryable } from '../../src/postgres/database.ts';

interface Asked {
  readonly userId: string;
  readonly studentId: string;
  /** The last instant of d. */
  readonly day: Instant;
}

export interface AnswerFigures {
  readonly i: number | null;
  readonly e: number | null;
  readonly r: number | null;
  readonly a: number | null;
}

/**
 * I_t, E_t, R_t and A_t from their definition, in one SQL statement: Postgres' own JSON, booleans, numerics and medians
 * read every answer of every exam. $5: whether I_t uses abilities before answers.
 */
export async function answerFiguresBySql(
  on: Queryable,
  profile: 'standard' | 'legacy',
  useTheta: boolean,
  learners: readonly Asked[],
): Promise<readonly AnswerFigures[]> {
  const { rows } = await on.query<AnswerFigures>({
    text: `
WITH learner AS (
  SELECT position, user_id, student_id, (day AT TIME ZONE 'UTC')::date AS d
  FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS l (user_id, student_id, day, position)
), question AS (
  SELECT position, d, session_id, coalesce(updated_at, created_at) AS at, q,
    CASE WHEN jsonb_typeof(q -> 'question_id') IN ('string', 'number') THEN q ->> 'question_id' END AS question,
    CASE WHEN jsonb_typeof(q -> 'time_spent_sec') = 'number' OR jsonb_typeof(q -> 'time_spent_sec') = 'string'
      AND btrim(q ->> 'time_spent_sec') ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$'
      THEN (q ->> 'time_spent_sec')::numeric END AS seconds,
    CASE jsonb_typeof(q -> 'used_hints') WHEN 'number' THEN (q ->> 'used_hints')::numeric
      WHEN 'boolean' THEN (q ->> 'used_hints')::boolean::int END AS hinted
  FROM learner JOIN exam_results USING (user_id)
  CROSS JOIN jsonb_array_elements(
    CASE WHEN jsonb_typeof(result_json -> 'questions') = 'array' THEN result_json -> 'questions' ELSE '[]' END) AS e (q)
), answer AS (
  SELECT position, d, at, session_id, nullif(q ->> 'topic', '') AS topic,
    CASE WHEN question ~ '^[0-9]+$' THEN question::numeric::text ELSE question END AS item,
    coalesce(
      CASE WHEN jsonb_typeof(q -> 'is_correct') IN ('boolean', 'string', 'number')
        AND pg_input_is_valid(q ->> 'is_correct', 'boolean') THEN (q ->> 'is_correct')::boolean END,
      CASE WHEN jsonb_typeof(q -> 'correct') IN ('boolean', 'string', 'number')
        AND pg_input_is_valid(q ->> 'correct', 'boolean') THEN (q ->> 'correct')::boolean END,
      CASE WHEN $4 = 'legacy' THEN false END) AS correct,
    coalesce(round(seconds * 1000), CASE WHEN $4 = 'legacy' THEN 0 END)::float8 AS ms,
    CASE WHEN $4 = 'legacy' THEN CASE WHEN hinted > 0 THEN 1 ELSE 0 END ELSE hinted END::float8 AS hints,
    CASE WHEN $4 = 'standard' THEN seconds::float8 END AS dwell
  FROM question WHERE jsonb_typeof(q) = 'object' AND question <> ''
  UNION ALL
  SELECT position, d, completed_at, session_id, nullif(topic_id, ''), item_id::text, correct,
    response_time_ms, hint_used::int, CASE WHEN $4 = 'standard' THEN response_time_ms / 1000.0::float8 END
  FROM learner JOIN attempt USING (student_id)
  WHERE item_id IS NOT NULL AND (session_id IS NULL OR session_id NOT IN (
    SELECT session_id FROM exam_results WHERE result_json @? 'strict $.questions[0]'))
), placed AS (
  SELECT *, CASE WHEN $4 = 'legacy'
    THEN (d || ' 23:59:59Z')::timestamptz - at ELSE (d + 1 || ' 00:00Z')::timestamptz - at END AS ago
  FROM answer
), windowed AS (
  -- Standard: days back from the end of d, the end itself not within. Legacy: 23:59:59 to 23:59:59, both within.
  SELECT *,
    CASE WHEN $4 = 'legacy' THEN ago >= '0' AND ago <= '13 days' ELSE ago > '0' AND ago <= '14 days' END AS in_14,
    CASE WHEN $4 = 'legacy' THEN ago >= '14 days' AND ago <= '27 days' ELSE ago > '14 days' AND ago <= '28 days' END AS before_14,
    CASE WHEN $4 = 'legacy' THEN ago >= '0' AND ago <= '27 days' ELSE ago > '0' AND ago <= '28 days' END AS in_28,
    CASE WHEN $4 = 'legacy' THEN ago >= '28 days' AND ago <= '55 days' ELSE ago > '28 days' AND ago <= '56 days' END AS before_28
  FROM placed
), shares AS (
  SELECT position,
    avg(correct::int) FILTER (WHERE in_14)::float8 AS p, count(correct) FILTER (WHERE in_14)::float8 AS n,
    avg(correct::int) FILTER (WHERE before_14)::float8 AS before,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE in_28 AND correct) AS ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE before_28 AND correct) AS ms_before
  FROM windowed GROUP BY position
), fitted AS (
  SELECT position, recent,
    (SELECT sum(theta * weight) / sum(weight) FROM student_topic_theta AS t,
       LATERAL (SELECT CASE WHEN se > 0 THEN 1 / se ^ 2 ELSE 1 END AS weight) AS w
     WHERE t.user_id = learner.user_id AND within @> fitted_at AND theta IS NOT NULL) AS topics,
    (SELECT 1 / sqrt(sum(weight)) FROM student_topic_theta AS t,
       LATERAL (SELECT CASE WHEN se > 0 THEN 1 / se ^ 2 ELSE 1 END AS weight) AS w
     WHERE t.user_id = learner.user_id AND within @> fitted_at AND theta IS NOT NULL) AS topics_se,
    (SELECT theta FROM mirt_ability AS m WHERE m.user_id = learner.user_id AND within @> fitted_at AND theta IS NOT NULL
     ORDER BY fitted_at DESC LIMIT 1) AS mirt_theta,
    (SELECT se FROM mirt_ability AS m WHERE m.user_id = learner.user_id AND within @> fitted_at AND theta IS NOT NULL
     ORDER BY fitted_at DESC LIMIT 1) AS mirt_se
  FROM learner CROSS JOIN LATERAL (VALUES
    (true, d - 13, d), (false, d - 27, d - 14)) AS days (recent, first, last)
  CROSS JOIN LATERAL (SELECT CASE WHEN $4 = 'legacy'
    THEN tstzrange((first || ' 00:00Z')::timestamptz, (last || ' 23:59:59Z')::timestamptz, '[]')
    ELSE tstzrange((first || ' 00:00Z')::timestamptz, (last + 1 || ' 00:00Z')::timestamptz) END AS within) AS w
), abilities AS (
  SELECT now.position, coalesce(now.mirt_theta, now.topics) AS theta,
    CASE WHEN now.mirt_theta IS NULL THEN now.topics_se ELSE now.mirt_se END AS se,
    coalesce(past.mirt_theta, past.topics) AS before
  FROM fitted AS now JOIN fitted AS past ON past.position = now.position AND now.recent AND NOT past.recent
), missed AS (
  SELECT DISTINCT position, item, topic FROM windowed WHERE before_28 AND NOT correct
), retried AS (
  SELECT w.position, avg(coalesce(correct, false)::int)::float8 AS share FROM windowed AS w JOIN missed AS m
    ON m.position = w.position AND m.item IS NOT DISTINCT FROM w.item AND m.topic IS NOT DISTINCT FROM w.topic
  WHERE in_28 GROUP BY w.position
), moments AS (
  SELECT position, avg(gap)::float8 AS gap FROM (
    SELECT position, extract(epoch FROM at - lag(at) OVER (PARTITION BY position ORDER BY at)) / 86400 AS gap
    FROM (SELECT DISTINCT position, at FROM windowed WHERE in_28) AS t) AS gaps
  GROUP BY position
), dwelt AS (
  SELECT position, avg(seconds) AS seconds FROM (
    SELECT position, session_id, sum(dwell) AS seconds FROM windowed WHERE in_28 AND dwell IS NOT NULL AND session_id IS NOT NULL
    GROUP BY position, session_id) AS sessions
  GROUP BY position
), busy AS (
  SELECT position, count(DISTINCT session_id) AS sessions, avg(hints) AS hints
  FROM windowed WHERE in_28 GROUP BY position
)
SELECT
  CASE WHEN $5 AND n >= 5 AND shares.before IS NOT NULL AND abilities.theta IS NOT NULL AND abilities.before IS NOT NULL THEN
      greatest(-1, least(1, (abilities.theta - abilities.before) * least(1, n / 30)
        * (1 - least(0.5, coalesce(1.96 * abilities.se, 0)))))
    WHEN p IS NOT NULL AND shares.before IS NOT NULL THEN
      greatest(-1, least(1, (p - shares.before) * least(1, n / 30) * (1 - least(0.5, 1.96 * sqrt(p * (1 - p) / n))))) END AS i,
  CASE WHEN ms IS NOT NULL AND ms_before > 0 THEN greatest(0, least(1, (ms_before - ms) / ms_before)) END AS e,
  share AS r,
  CASE WHEN busy.position IS NOT NULL THEN
    0.35 * least(1, busy.sessions / 28.0::float8)
    + 0.25 * CASE WHEN gap IS NULL THEN 0.5 ELSE least(1, 1 / gap) END
    + 0.2 * greatest(0, least(1, coalesce(1 - busy.hints / 3, 0.5)))
    + 0.2 * greatest(0, least(1, coalesce(dwelt.seconds / 900, 0.5))) END AS a
FROM learner LEFT JOIN shares USING (position) LEFT JOIN abilities USING (position) LEFT JOIN retried USING (position)
  LEFT JOIN busy USING (position) LEFT JOIN moments USING (position) LEFT JOIN dwelt USING (position)
ORDER BY position`,
    values: [
      learners.map(({ userId }) => userId),
      learners.map(({ studentId }) => studentId),
      learners.map(({ day }) => formatInstant(day)),
      profile,
      useTheta,
    ],
  });
  return rows;
}
