import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import type { Database } from '../../src/postgres/database.ts';
import { type LoadPlan, prepareSource } from '../../stack/demo/load.ts';
import { PUBLISHED } from '../../stack/demo/published.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { OULAD, ouladIsThere } from '../support/oulad-files.ts';

const quietly = () => {};

describe('generated learners', () => {
  let fresh: FreshDatabase;
  let plan: LoadPlan;

  beforeAll(async () => {
    fresh = await freshDatabase();
    const asOf = parseInstant('2026-03-18T05:00:00Z') ?? 0n;
    plan = await prepareSource(fresh.database, { asOf, data: { kind: 'generated', learners: 200, days: 90, seed: 3 } });
    await plan.phase1(quietly);
  });
  afterAll(() => fresh.close());

  test('arrive in two phases, with the rows that were announced', async () => {
    for (const source of SOURCES) {
      expect(await countRows(fresh.database, source), source).toBe(plan.records[source].snapshot);
    }
    await plan.phase2(quietly);
    for (const source of SOURCES) expect(await countRows(fresh.database, source), source).toBe(plan.rows[source]);
  });

  test('have attempts with the student_id of their user_id, and some with a student_id that has no user_id', async () => {
    const { rows } = await fresh.database.query<{ named: bigint; unnamed: bigint }>({
      text: `SELECT count(*) FILTER (WHERE user_id IS NOT NULL) AS named, count(*) FILTER (WHERE user_id IS NULL) AS unnamed
        FROM (SELECT DISTINCT student_id FROM attempt) a LEFT JOIN (SELECT DISTINCT user_id FROM session) s
          ON student_id = CASE WHEN user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN user_id::uuid ELSE md5(user_id)::uuid END`,
    });
    expect(Number(rows[0]?.named)).toBeGreaterThan(100);
    expect(Number(rows[0]?.unnamed)).toBeGreaterThan(0);
  });

  test('have weekly rows with all six figures, keys of other jobs, and numbers wider than a double', async () => {
    const { rows } = await fresh.database.query<{ complete: bigint; wide: bigint }>({
      text: `SELECT count(*) FILTER (WHERE kpis ?& ARRAY['I_t', 'E_t', 'R_t', 'A_t', 'P', 'S']) AS complete,
          count(*) FILTER (WHERE kpis #>> '{campaign,budget}' ~ '^12345678901234567890[.]1[0-9]0$') AS wide
        FROM weekly_kpi`,
    });
    expect(Number(rows[0]?.complete)).toBeGreaterThan(100);
    expect(Number(rows[0]?.wide)).toBeGreaterThan(20);
  });
});

if (!ouladIsThere)
  console.warn(`no OULAD files in ${OULAD} (set OULAD_DIR): the tests of their published figures are skipped`);

describe.runIf(ouladIsThere)('the OULAD files', () => {
  let fresh: FreshDatabase;

  beforeAll(async () => {
    fresh = await freshDatabase();
    const asOf = parseInstant('2013-06-01T23:59:59.999999Z') ?? 0n;
    const plan = await prepareSource(fresh.database, { asOf, data: { kind: 'oulad', folder: OULAD } });
    await plan.phase1(quietly);
    await plan.phase2(quietly);
    for (const source of SOURCES) expect(await countRows(fresh.database, source), source).toBe(plan.rows[source]);
  }, 180_000);
  afterAll(() => fresh.close());

  test.each(PUBLISHED.filter(({ date }) => date <= '2013-06-01'))(
    'give the published figures of $date at $thresholdDays days',
    async ({ date, thresholdDays, seen, flagged }) => {
      const { rows } = await fresh.database.query<{ seen: bigint; flagged: bigint }>({
        text: `WITH event AS (
            SELECT md5(user_id)::uuid AS learner, coalesce(updated_at, created_at) AS at FROM exam_results
            UNION ALL SELECT md5(user_id)::uuid, last_seen_at FROM features_topic_daily
            UNION ALL SELECT student_id, completed_at FROM attempt
            UNION ALL SELECT md5(user_id)::uuid, coalesce(ended_at, started_at) FROM session
          ), last AS (
            SELECT learner, (max(at) AT TIME ZONE 'UTC')::date AS day
            FROM event WHERE (at AT TIME ZONE 'UTC')::date <= $1::date GROUP BY learner
          )
          SELECT count(*) AS seen, count(*) FILTER (WHERE day BETWEEN $1::date - 30 AND $1::date - $2::int) AS flagged
          FROM last`,
        values: [date, thresholdDays],
      });
      expect(rows[0]).toEqual({ seen: BigInt(seen), flagged: BigInt(flagged) });
    },
  );

  test('have sessions of at least 90 seconds that end on the date on which they started', async () => {
    const { rows } = await fresh.database.query<{ wrong: bigint; sessions: bigint }>({
      text: `SELECT count(*) AS sessions, count(*) FILTER (WHERE ended_at < started_at + interval '90 seconds'
          AND (ended_at AT TIME ZONE 'UTC')::time <> '23:59:59.999999'
          OR (ended_at AT TIME ZONE 'UTC')::date <> (started_at AT TIME ZONE 'UTC')::date) AS wrong
        FROM session`,
    });
    expect(Number(rows[0]?.sessions)).toBeGreaterThan(100_000);
    expect(rows[0]?.wrong).toBe(0n);
  });
});

async function countRows(db: Database, table: string): Promise<number> {
  const { rows } = await db.query<{ n: bigint }>({ text: `SELECT count(*) AS n FROM ${table}` });
  return Number(rows[0]?.n);
}
