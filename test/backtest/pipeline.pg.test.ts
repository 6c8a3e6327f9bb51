import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { Source } from '../../src/activity/source.ts';
import { parseUuid } from '../../src/activity/uuid.ts';
import { emptyBacktestTables, saveActivity } from '../../src/backtest/backtest-store.ts';
import { createBacktestFold } from '../../src/backtest/fold.ts';
import { type BacktestDay, sweepDays } from '../../src/backtest/pipeline.ts';
import type { BacktestPlan } from '../../src/backtest/plan.ts';
import type { InactivityDecision } from '../../src/events/inactivity-decision.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  // 400 learners with different silences. Learners above 300 have only a student_id at first.
  await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u || '-' || n, 'user-' || u,
  timestamptz '2026-03-01 05:00Z' + ((u * 7919 + n * n * 104729) % 5184000 - 2592000) * interval '1 second'
FROM generate_series(1, 300) u, generate_series(1, 5) n`);
  await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT u * 10 + n, md5('user-' || u)::uuid,
  timestamptz '2026-03-01 05:00Z' + ((u * 7907 + n * 1299709) % 4320000 - 2592000) * interval '1 second'
FROM generate_series(200, 400) u, generate_series(1, 3) n`);
  await sql(`
INSERT INTO exam_results (id, session_id, user_id, created_at)
SELECT gen_random_uuid(), 'e-' || u, 'user-' || u, timestamptz '2026-03-01 05:00Z' + (u - 350) * interval '8 hours'
FROM generate_series(320, 380) u`);
  // Exactly at a threshold, and exactly at the instant of a sweep.
  await sql(`INSERT INTO session (id, user_id, started_at) VALUES
('edge-1', 'edge-1', '2026-02-22 05:00Z'), ('edge-2', 'edge-2', '2026-02-22 05:00:00.000001Z'),
('edge-3', 'edge-3', '2026-02-10Z'), ('edge-4', 'edge-3', '2026-03-05 05:00Z'), ('edge-5', 'edge-3', '2026-03-05 05:00:00.000001Z')`);
});
afterAll(() => db.close());

const sql = <R = Record<string, unknown>>(text: string) => db.database.query<R>({ text });
const plan: BacktestPlan = {
  firstAsOf: parseInstant('2026-03-01T05:00:00Z') as bigint,
  days: 21,
  thresholds: [7],
  lookbackDays: 20,
  refresh: 'daily',
};

const ACTIVITIES = `
SELECT user_id, NULL::uuid AS student_id, 'session' AS source, coalesce(ended_at, started_at) AS at FROM session
UNION ALL SELECT user_id, NULL, 'exam_results', coalesce(updated_at, created_at) FROM exam_results
UNION ALL SELECT NULL, student_id, 'attempt', completed_at FROM attempt`;

/** Saves all activities of the sources in random order, and some of them twice. */
async function saveAll(backtest: BacktestPlan): Promise<void> {
  await emptyBacktestTables(db.database);
  const { rows } = await sql<{ user_id: string | null; student_id: string | null; source: Source; at: Instant }>(
    `SELECT * FROM (${ACTIVITIES}) a ORDER BY md5(at::text)`,
  );
  for (const portion of [rows.slice(0, 700), rows.slice(300)]) {
    const fold = createBacktestFold(backtest);
    for (const { user_id: userId, student_id, source, at } of portion) {
      const studentId = userId === null ? parseUuid(student_id ?? '') : studentIdOf(userId);
      if (studentId !== undefined) fold.add({ studentId, userId, source, at });
    }
    for (const [day, learners] of fold.byDay) {
      const on = new Date(Number(backtest.firstAsOf / 1000n) + day * 86_400_000).toISOString().slice(0, 10);
      await db.database.transaction((tx) => saveActivity(tx, on, learners.columns()));
    }
  }
}

async function backtested(backtest: BacktestPlan): Promise<{ days: BacktestDay[]; decisions: InactivityDecision[] }> {
  await saveAll(backtest);
  const days: BacktestDay[] = [];
  const decisions: InactivityDecision[] = [];
  const take = async (more: readonly InactivityDecision[]) => {
    // The place in the outbox is no part of the decision.
    decisions.push(...more.map((decision) => ({ ...decision, seq: 0n })));
  };
  await sweepDays(db.database, backtest, take, (day) => days.push(day) > 0);
  return { days, decisions };
}

/** The same counts by SQL over the source tables: each learner's state at each sweep, compared with the day before. */
async function bySql({ firstAsOf, days, thresholds, lookbackDays }: BacktestPlan) {
  const { rows } = await sql(`
WITH activity AS (
  SELECT coalesce(student_id, md5(user_id)::uuid) AS student_id, user_id, at FROM (${ACTIVITIES}) a
), seen AS (
  SELECT d AS day, as_of, student_id, max(at) AS last_seen_at, min(user_id) AS user_id
  FROM generate_series(0, ${days - 1}) d,
    LATERAL (SELECT timestamptz '${formatInstant(firstAsOf)}' + d * interval '24 hours') t (as_of)
  JOIN activity ON at <= as_of
  GROUP BY 1, 2, 3
), silent AS (
  SELECT seen.*, (SELECT max(n) FROM unnest(ARRAY[${thresholds.join(',')}]) n WHERE last_seen_at <= as_of - n * interval '24 hours') AS rung
  FROM seen
  WHERE last_seen_at > as_of - ${lookbackDays} * interval '24 hours' AND user_id IS NOT NULL
), event AS (
  SELECT *, row_number() OVER (PARTITION BY student_id, last_seen_at, rung ORDER BY day) = 1 AS is_first
  FROM silent WHERE rung IS NOT NULL
), moved AS (
  SELECT day, student_id, lag(last_seen_at) OVER (PARTITION BY student_id ORDER BY day) AS before, last_seen_at FROM seen
)
SELECT d AS day,
  (SELECT count(*) FROM event WHERE day = d AND is_first) AS crossed,
  (SELECT count(*) FROM event WHERE day = d AND NOT is_first) AS ongoing,
  (SELECT count(*) FROM moved m WHERE m.day = d AND m.last_seen_at > m.before
    AND EXISTS (SELECT FROM event e WHERE e.student_id = m.student_id AND e.last_seen_at = m.before AND e.day < d)) AS returned
FROM generate_series(0, ${days - 1}) d ORDER BY d`);
  return rows.map(({ crossed, ongoing, returned }) => ({ crossed, ongoing, returned }));
}

const counts = (days: readonly BacktestDay[]) =>
  days.map(({ crossed, ongoing, returned }) => ({ crossed, ongoing, returned }));

describe('a backtest', () => {
  it.each([[[10]], [[3, 7, 14]]])(
    'counts the same as SQL over the sources on every day, with thresholds %j',
    async (thresholds) => {
      const backtest = { ...plan, thresholds };
      const { days, decisions } = await backtested(backtest);
      expect(counts(days)).toEqual(await bySql(backtest));
      for (const phase of ['crossed', 'ongoing', 'returned'] as const) {
        const counted = days.reduce((total, day) => total + day[phase], 0n);
        expect(counted).toBeGreaterThan(50n);
        expect(decisions.filter((decision) => decision.phase === phase.toUpperCase())).toHaveLength(Number(counted));
      }
    },
  );

  it('decides each sweep as of its own instant, repeats the same events, and does not change the live tables', async () => {
    const first = await backtested(plan);
    const eventsOf = (user: string) =>
      first.decisions
        .filter(({ userId }) => userId === user)
        .map(({ phase, asOf }) => `${phase} ${formatInstant(asOf)}`);
    expect(eventsOf('edge-1')[0]).toBe('CROSSED 2026-03-01T05:00:00.000000Z');
    expect(eventsOf('edge-2')[0]).toBe('CROSSED 2026-03-02T05:00:00.000000Z');
    expect(eventsOf('edge-3').find((event) => event.startsWith('RETURNED'))).toBe(
      'RETURNED 2026-03-05T05:00:00.000000Z',
    );
    expect(await backtested(plan)).toEqual(first);
    for (const table of ['user_last_seen', 'episode', 'inactivity_outbox', 'sweep_run']) {
      expect((await sql(`SELECT FROM lastseen.${table}`)).rows).toEqual([]);
    }
  });
});
