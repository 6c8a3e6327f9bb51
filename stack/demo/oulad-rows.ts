import { perSource, type Source } from '../../src/activity/source.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import type { RecordCounts, Report } from './load.ts';

/** Builds the platform's rows from staged days and counts. "Invented" values are not in the data. */

export async function createStaging(db: Queryable): Promise<void> {
  await db.query({ text: 'DROP SCHEMA IF EXISTS oulad CASCADE' });
  await db.query({ text: 'CREATE SCHEMA oulad' });
  await db.query({
    text: `CREATE UNLOGGED TABLE oulad.learner
      (learner int PRIMARY KEY, user_id text, student_id uuid, module text, presentation text)`,
  });
  await db.query({
    text: `CREATE UNLOGGED TABLE oulad.activity
      (at timestamptz, learner int, day int, clicks int, draw int, kind text)`,
  });
  await db.query({
    text: 'CREATE UNLOGGED TABLE oulad.submission (at timestamptz, learner int, assessment int, score int, type text)',
  });
}

export async function dropStaging(db: Queryable): Promise<void> {
  await db.query({ text: 'DROP SCHEMA oulad CASCADE' });
}

export async function stageLearners(db: Queryable, columns: readonly string[]): Promise<void> {
  await db.query({
    text: 'INSERT INTO oulad.learner SELECT * FROM unnest($1::int[], $2::text[], $3::uuid[], $4::text[], $5::text[])',
    values: columns,
  });
}

/** The instants come as microseconds since the epoch; bigint * interval is exact below 2^53. */
export async function stageActivity(db: Queryable, columns: readonly string[]): Promise<void> {
  await db.query({
    name: 'oulad-stage-activity',
    text: `INSERT INTO oulad.activity (learner, day, kind, clicks, at, draw)
      SELECT learner, day, kind, clicks, timestamptz 'epoch' + micros * interval '1 microsecond', draw
      FROM unnest($1::int[], $2::int[], $3::text[], $4::int[], $5::bigint[], $6::int[])
        AS r(learner, day, kind, clicks, micros, draw)`,
    values: columns,
  });
}

export async function stageSubmissions(db: Queryable, columns: readonly string[]): Promise<void> {
  await db.query({
    text: `INSERT INTO oulad.submission (learner, assessment, type, score, at)
      SELECT learner, assessment, type, score, timestamptz 'epoch' + micros * interval '1 microsecond'
      FROM unnest($1::int[], $2::int[], $3::text[], $4::int[], $5::bigint[])
        AS r(learner, assessment, type, score, micros)`,
    values: columns,
  });
}

export interface Span {
  /** Included. */
  readonly from: string;
  /** Excluded. */
  readonly before: string;
}

export async function insertEvents(db: Queryable, span: Span, report: Report): Promise<void> {
  report('exam_results');
  await insertExamResults(db, span);
  report('features_topic_daily');
  await insertFeatures(db, span);
  report('attempt');
  await insertAttempts(db, span);
  report('session');
  await insertSessions(db, span);
}

/** Ten questions, the first floor((score + 5) / 10) of them correct (invented). */
async function insertExamResults(db: Queryable, span: Span): Promise<void> {
  await db.query({
    text: `WITH answers AS MATERIALIZED (
        SELECT assessment, type, score, CASE WHEN score IS NOT NULL THEN jsonb_build_object('questions', (
          SELECT jsonb_agg(jsonb_build_object('question_id', assessment * 10 + n, 'topic', type, 'is_correct',
            n < (score + 5) / 10) ORDER BY n) FROM generate_series(0, 9) n)) ELSE '{"questions": []}' END AS result
        FROM (SELECT DISTINCT assessment, type, score FROM oulad.submission WHERE at >= $1 AND at < $2) d)
      INSERT INTO exam_results (id, session_id, user_id, exam_id, status, score_raw, result_json, created_at, updated_at)
      SELECT md5(s.assessment || '-' || learner)::uuid, 'exam-' || s.assessment || '-' || learner, user_id, s.assessment,
        CASE WHEN s.score IS NULL THEN 'submitted' ELSE 'graded' END, s.score, a.result, at, at
      FROM oulad.submission s JOIN oulad.learner USING (learner)
        JOIN answers a ON a.assessment = s.assessment AND a.score IS NOT DISTINCT FROM s.score
      WHERE at >= $1 AND at < $2`,
    values: [span.from, span.before],
  });
}

/** Topic by week of the presentation, counts from clicks (invented). */
async function insertFeatures(db: Queryable, span: Span): Promise<void> {
  await db.query({
    text: `INSERT INTO features_topic_daily (user_id, topic_id, date, attempts, correct, last_seen_at)
      SELECT user_id, module || CASE WHEN day < 0 THEN '-w00' ELSE '-w' || lpad((day / 7 + 1)::text, 2, '0') END,
        (at AT TIME ZONE 'UTC')::date, clicks, clicks * (40 + draw % 56) / 100, at
      FROM oulad.activity JOIN oulad.learner USING (learner)
      WHERE kind = 'practice' AND at >= $1 AND at < $2`,
    values: [span.from, span.before],
  });
}

/** One attempt per activity row. The id is unique per (learner, day): days are in -23..268. */
async function insertAttempts(db: Queryable, span: Span): Promise<void> {
  await db.query({
    text: `INSERT INTO attempt (id, student_id, item_id, completed_at)
      SELECT learner::bigint * 1000 + day + 100, student_id,
        ('x' || substr(md5(module || presentation || '-d' || day || '-1'), 1, 12))::bit(48)::bigint, at
      FROM oulad.activity JOIN oulad.learner USING (learner)
      WHERE kind = 'content' AND at >= $1 AND at < $2`,
    values: [span.from, span.before],
  });
}

/** All sessions are inserted open. {@link closeSessions} ends them with real updates on the stream. */
async function insertSessions(db: Queryable, span: Span): Promise<void> {
  await db.query({
    text: `INSERT INTO session (id, user_id, started_at, created_at, status)
      SELECT 's-' || learner || '-' || day, user_id, at, at, 'open'
      FROM oulad.activity JOIN oulad.learner USING (learner)
      WHERE kind = 'session' AND at >= $1 AND at < $2`,
    values: [span.from, span.before],
  });
}

/** A session lasts 60 + 30 * clicks seconds, no longer than its date (invented). */
const ENDED_AT = `least(at + make_interval(secs => 60 + 30 * clicks),
  (((at AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC') - interval '1 microsecond')`;

/** Ends every session that had ended by the as-of. */
export async function closeSessions(db: Queryable, asOf: string): Promise<void> {
  await db.query({
    text: `UPDATE session s SET ended_at = ${ENDED_AT}, status = 'closed'
      FROM oulad.activity a
      WHERE a.kind = 'session' AND s.id = 's-' || a.learner || '-' || a.day AND ${ENDED_AT} <= $1`,
    values: [asOf],
  });
}

/**
 * Invented: the logit of the share of marks so far (one mark per ten points, plus half a mark on both sides) with the
 * standard error of a logit. One row per learner with a score, dated by the newest submission.
 */
export async function insertAbility(db: Queryable): Promise<void> {
  await db.query({
    text: `INSERT INTO ability_estimates (user_id, mean, sd, fitted_at, created_at)
      SELECT user_id, ln((good + 0.5) / (bad + 0.5)), sqrt(1 / (good + 0.5) + 1 / (bad + 0.5)), at, at
      FROM (SELECT learner, sum(score)::float8 / 10 AS good, sum(100 - score)::float8 / 10 AS bad, max(at) AS at
        FROM oulad.submission WHERE score IS NOT NULL GROUP BY learner) s
      JOIN oulad.learner USING (learner)`,
  });
}

/** Invented: what other jobs would have written for the as-of's week, for 70 % of the learners. */
export async function insertWeekly(db: Queryable, asOf: string): Promise<void> {
  await db.query({
    text: `INSERT INTO weekly_kpi (user_id, week_start, kpis, created_at, updated_at)
      SELECT user_id, monday::date, jsonb_build_object('I_t', (n % 200 - 100) / 100.0, 'E_t', n % 97 / 97.0,
        'R_t', n % 89 / 89.0, 'A_t', n % 83 / 83.0, 'P', n % 79 / 79.0, 'S', n % 73 / 73.0,
        'campaign', jsonb_build_object('wave', n % 5, 'ref', 12345678901234567890.10 + n)), monday, monday
      FROM (SELECT user_id, ('x' || substr(md5(user_id), 1, 7))::bit(28)::int AS n,
        date_trunc('week', $1::timestamptz AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS monday FROM oulad.learner) l
      WHERE n % 10 < 7`,
    values: [asOf],
  });
}

/** Records per topic: rows before the stream are in the snapshot, and every ended session makes one update. */
export async function countRecords(
  db: Queryable,
  window: { asOf: string; streamedFrom: string },
): Promise<Record<Source, RecordCounts>> {
  const { rows } = await db.query<{ source: Source; snapshot: number; created: number; updated: number }>({
    text: `SELECT source, count(*) FILTER (WHERE at < $2)::int AS snapshot, count(*) FILTER (WHERE at >= $2)::int AS created,
        count(*) FILTER (WHERE source = 'session' AND ${ENDED_AT} <= $1)::int AS updated
      FROM (SELECT 'exam_results' AS source, at, 0 AS clicks FROM oulad.submission
        UNION ALL SELECT CASE kind WHEN 'practice' THEN 'features_topic_daily' WHEN 'content' THEN 'attempt'
          ELSE 'session' END, at, clicks FROM oulad.activity) e
      GROUP BY source`,
    values: [window.asOf, window.streamedFrom],
  });
  return perSource((source) => {
    const row = rows.find((candidate) => candidate.source === source);
    return { snapshot: row?.snapshot ?? 0, created: row?.created ?? 0, updated: row?.updated ?? 0, deleted: 0 };
  });
}
