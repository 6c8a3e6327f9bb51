import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { readRetention } from '../../src/history/retention-store.ts';
import { readUsualRuns } from '../../src/history/sweep-runs-store.ts';
import { prune } from '../../src/prune/pipeline.ts';
import { answerEvents, type LearnerEvent } from '../../src/recompute/pipeline.ts';
import { single } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { approve, type SweepDeps, sweep } from '../../src/sweep/pipeline.ts';
import { asRole } from '../../stack/roles.ts';
import { OPTIONS } from '../kpi/compute-figures.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { startCli } from '../support/lastseen-cli.ts';
import { clearPlatform } from '../support/platform-rows.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await clearPlatform(db.database);
  await sql(`TRUNCATE lastseen.inactivity_outbox, lastseen.episode, lastseen.sweep_run;
    UPDATE lastseen.retention SET week_floor = NULL, pruned_at = NULL`);
});

const sql = <Row = Record<string, unknown>>(text: string, values: unknown[] = []) =>
  db.database.query<Row>({ text, values });

/** This morning: the child process uses the clock of the machine. */
const TODAY: Instant = ((BigInt(Date.now()) * 1_000n) / MICROS_PER_DAY) * MICROS_PER_DAY;
const daysAgo = (days: number): Instant => TODAY - BigInt(days) * MICROS_PER_DAY;
const LEARNERS = 400;
const DAYS = 450;

/** As `sweep`, the relay and `recompute` leave one event per learner and day, from some days ago to some days ago. */
async function inactiveFor(first: number, last: number): Promise<void> {
  const values = [formatInstant(TODAY), first, last, LEARNERS];
  const days = `generate_series($2::int, $3::int, -1) AS day, generate_series(1, $4::int) AS n,
    LATERAL (SELECT $1::timestamptz - day * interval '1 day' AS at) AS morning`;
  await sql(
    `INSERT INTO lastseen.inactivity_outbox
       (phase, student_id, user_id, threshold_days, last_seen_at, session_at, as_of, sweep_run_id, detected_at, published_at)
     SELECT 'ONGOING', md5('u' || n)::uuid, 'u' || n, 7, at - interval '8 days', at - interval '8 days', at, gen_random_uuid(), at, at
     FROM ${days}`,
    values,
  );
  await sql(
    `INSERT INTO lastseen.kpi_ledger
       (cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, row_created, recorded_at, published_at)
     SELECT md5('e' || n || ' ' || day)::uuid, 'u' || n, date_trunc('week', at AT TIME ZONE 'UTC')::date, at, 'P_AND_S', 0.25, 0.25,
       0.25, 0.25, false, at, at
     FROM ${days}`,
    values,
  );
  await sql(
    `INSERT INTO lastseen.kpi_watermark AS watermark
     SELECT 'u' || n, date_trunc('week', at AT TIME ZONE 'UTC')::date, max(at) FROM ${days} GROUP BY 1, 2
     ON CONFLICT (user_id, week_start) DO UPDATE SET as_of = excluded.as_of`,
    values,
  );
  await sql(
    `INSERT INTO lastseen.episode
       (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on, returned_as_of)
     SELECT md5('r' || n)::uuid, 7, at - interval '8 days', gen_random_uuid(), at, at, at, at + interval '1 hour'
     FROM ${days} WHERE n % 10 = day % 10`,
    values,
  );
}

const DUE = {
  inactivity_outbox: `published_at < now() - interval '60 days'`,
  kpi_ledger: `week_start < date_trunc('week', (now() - interval '400 days') AT TIME ZONE 'UTC')`,
  kpi_watermark: `week_start < date_trunc('week', (now() - interval '400 days') AT TIME ZONE 'UTC')`,
  episode: `returned_as_of < date_trunc('week', now() - interval '400 days', 'UTC')`,
} as const;

/** Rows that are due, and a digest of all others. */
async function rowsNow(): Promise<{ readonly due: number; readonly kept: unknown }> {
  const tables = Object.entries(DUE).map(
    ([table, due]) => `
SELECT '${table}' AS name, count(*) FILTER (WHERE ${due})::int AS due,
  sum(hashtextextended(t::text, 0)::numeric) FILTER (WHERE (${due}) IS NOT TRUE)::text AS kept
FROM lastseen.${table} t`,
  );
  const { rows } = await sql<{ name: string; due: number; kept: string }>(tables.join(' UNION ALL '));
  return {
    due: rows.reduce((sum, { due }) => sum + due, 0),
    kept: Object.fromEntries(rows.map(({ name, kept }) => [name, kept])),
  };
}

/** Processes whose statement on a table waits for a lock. */
async function waitingFor(table: string): Promise<number> {
  const { count } = await sql(
    `SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 AND pid <> pg_backend_pid()`,
    [`%DELETE FROM lastseen.${table} %`],
  );
  return count;
}

const weeklyDigest = async () =>
  single(
    (await sql('SELECT md5(string_agg(t::text, $1 ORDER BY user_id, week_start)) FROM weekly_kpi t', [','])).rows,
    'one',
  );

const plan: SweepPlan = { asOf: TODAY, thresholds: [7], lookbackDays: 30, refresh: 'daily' };
const sweepDeps = (): SweepDeps => ({
  database: db.database,
  newRunId: randomUUID,
  now: () => TODAY,
  proveFresh: async () => new Map([['session', 1n]]),
  maxCrossedShare: 1,
  relay: async () => 0,
});

it('a prune that is killed again and again loses no row and no guard', { timeout: 300_000 }, async () => {
  await inactiveFor(DAYS, 1);
  // The learners of these events, still silent; their figures today differ from all stored ones.
  await sql(
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
     SELECT md5('u' || n)::uuid, 'u' || n, $1 FROM generate_series(1, $2::int) n`,
    [formatInstant(daysAgo(20)), LEARNERS],
  );
  await sql(
    `INSERT INTO lastseen.episode (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
     SELECT md5('u' || n)::uuid, 7, $1, gen_random_uuid(), $2, $2, $2::timestamptz::date FROM generate_series(1, $3::int) n`,
    [formatInstant(daysAgo(20)), formatInstant(daysAgo(1)), LEARNERS],
  );
  await sql(`
INSERT INTO session (id, user_id, started_at) SELECT 's' || n, 'u' || n, now() - interval '500 days' FROM generate_series(1, ${LEARNERS}) n;
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at) SELECT 'u' || n, 0.5, 0.8, '2020-01-01' FROM generate_series(1, ${LEARNERS}) n;
INSERT INTO weekly_kpi SELECT user_id, week_start, '{"P": 0.25, "S": 0.25}', now(), now() FROM lastseen.kpi_watermark`);
  // 30 learners cross per day. Then 200 in one day: held.
  await sql(
    `INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, crossed, started_at, finished_at)
     SELECT gen_random_uuid(), at, '{7}', 30, 'completed', 30, at, at
     FROM generate_series($1::timestamptz, $2::timestamptz, '1 day') AS at`,
    [formatInstant(daysAgo(DAYS)), formatInstant(daysAgo(1))],
  );
  await sql(
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
     SELECT md5('new' || n)::uuid, 'new' || n, $1 FROM generate_series(1, 200) n`,
    [formatInstant(daysAgo(8))],
  );
  const held = await sweep(sweepDeps(), plan);
  expect(held).toMatchObject({ status: 'held', crossing: 200n, limit: 150n });
  const usual = await readUsualRuns(db.database, [7]);
  const weekly = await weeklyDigest();
  const before = await rowsNow();
  expect(before.due).toBeGreaterThan(LEARNERS * 400);

  const env = { DATABASE_URL: asRole(db.url, 'prune') };
  const SPOTS = [
    ['inactivity_outbox', 0.2],
    ['inactivity_outbox', 0.8],
    ['kpi_ledger', 0.1],
    ['kpi_ledger', 0.9],
    ['kpi_watermark', 0.5],
    ['episode', 0.5],
  ] as const;
  const left = [before.due];
  for (const [table, share] of SPOTS) {
    await db.database.transaction(async (tx) => {
      // It stops at this row.
      await tx.query({
        text: `
SELECT FROM lastseen.${table} WHERE ctid = (
  SELECT ctid FROM lastseen.${table} WHERE ${DUE[table]}
  ORDER BY ctid OFFSET (SELECT count(*) * ${share} FROM lastseen.${table} WHERE ${DUE[table]})::int LIMIT 1
) FOR UPDATE`,
      });
      const run = startCli(env, ['prune', '--json']);
      const waits = async () => {
        await expect.poll(() => waitingFor(table), { timeout: 60_000 }).toBe(1);
        return 'waits';
      };
      expect(await Promise.race([waits(), run.ended.then(({ stderr }) => stderr)])).toBe('waits');
      run.process.kill('SIGKILL');
      expect((await run.ended).code).toBeNull();
    });
    await expect.poll(() => waitingFor(table), { timeout: 60_000 }).toBe(0);
    const now = await rowsNow();
    expect(now.due).toBeLessThanOrEqual(left.at(-1) ?? 0);
    left.push(now.due);
    expect(now.kept).toEqual(before.kept);
    expect(await readRetention(db.database)).toMatchObject({ floor: expect.any(BigInt), prunedAt: null });
  }
  // Each run went on where the one before was killed.
  expect(new Set(left.slice(0, 5)).size).toBe(5);
  const last = await startCli(env, ['prune', '--json']).ended;
  expect(last, last.stderr).toMatchObject({ code: 0 });
  expect(await rowsNow()).toEqual({ due: 0, kept: before.kept });
  expect(await readRetention(db.database)).toMatchObject({ floor: expect.any(BigInt), prunedAt: expect.any(BigInt) });

  // Old events, answered by rows that are gone or not, and one of each week that nothing ever answered.
  const days = Array.from({ length: DAYS }, (_, n) => n + 1);
  const event = (day: number, eventId: string): LearnerEvent => {
    const n = (day % LEARNERS) + 1;
    return { eventId, userId: `u${n}`, studentId: studentIdOf(`u${n}`), asOf: daysAgo(day) };
  };
  const answered = await sql<{ id: string; n: number; day: number }>(
    `SELECT md5('e' || (day % $2::int + 1) || ' ' || day)::uuid AS id FROM generate_series(1, $1::int) day ORDER BY day`,
    [DAYS, LEARNERS],
  );
  const redelivered = days.map((day) => event(day, answered.rows[day - 1]?.id ?? ''));
  const unanswered = days.filter((day) => day > 430).map((day) => event(day, randomUUID()));
  const deps = { database: db.database, source: db.database, growthService: undefined, options: OPTIONS };
  const outcomes = new Set<string>();
  for (const one of [...redelivered, ...unanswered]) {
    for (const { outcome } of await answerEvents(deps, [one])) outcomes.add(outcome);
  }
  expect(outcomes).toEqual(new Set(['outdated', 'redelivered']));
  expect(await weeklyDigest()).toEqual(weekly);
  expect(await answerEvents(deps, [{ ...event(0, randomUUID()), asOf: TODAY }])).not.toMatchObject([
    { outcome: 'outdated' },
  ]);

  expect(await readUsualRuns(db.database, [7])).toEqual(usual);
  expect(await approve(sweepDeps(), held.runId)).toMatchObject({ crossed: 200n, ongoing: BigInt(LEARNERS) });
  expect(await sweep(sweepDeps(), { ...plan, asOf: TODAY + 1n })).toMatchObject({ crossed: 0n, ongoing: 0n });
});

it('with a prune per week the tables keep their size', { timeout: 300_000 }, async () => {
  const pruneAt = async (days: number) => {
    const showProgress = () => ({ update() {}, end() {} });
    const deps = { database: db.database, lookbackDays: 30, isStopping: () => false, showProgress };
    await prune({ ...deps, now: () => daysAgo(days) });
    for (const table of Object.keys(DUE)) await sql(`VACUUM lastseen.${table}`);
  };
  const size = async () =>
    Number(
      single(
        (
          await sql<{ bytes: bigint }>(
            `SELECT sum(pg_total_relation_size(format('lastseen.%I', name)::regclass))::int8 AS bytes FROM unnest($1::text[]) AS name`,
            [Object.keys(DUE)],
          )
        ).rows,
        'an aggregate',
      ).bytes,
    );
  await inactiveFor(560, 85);
  await pruneAt(84);
  const bytes = await size();
  for (let day = 84; day > 0; day -= 7) {
    await inactiveFor(day, day - 6);
    await pruneAt(day - 7);
  }
  expect(await size()).toBeLessThan(bytes * 1.1);
});
