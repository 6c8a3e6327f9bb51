import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { auditedSources, readAuditState, readUnexplainedDrift } from '../../src/history/audit-runs-store.ts';
import { readSourceVolumes, readSweepState, readUsualRuns } from '../../src/history/sweep-runs-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { prune } from '../../src/prune/pipeline.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { approve, type SweepDeps, sweep } from '../../src/sweep/pipeline.ts';
import { writeLearners } from '../../src/track/writing-pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clear());

const sql = <Row = Record<string, unknown>>(text: string, values: unknown[] = []) =>
  db.database.query<Row>({ text, values });
const clear = () =>
  sql(`TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run, lastseen.audit_run;
    UPDATE lastseen.retention SET week_floor = NULL, pruned_at = NULL`);

const NOW = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const daysAgo = (days: number): Instant => NOW - BigInt(days) * MICROS_PER_DAY;
const at = (days: number) => formatInstant(daysAgo(days));

const plan: SweepPlan = { asOf: NOW, thresholds: [7], lookbackDays: 30, refresh: 'daily' };
const sweepDeps = (now: Instant): SweepDeps => ({
  database: db.database,
  newRunId: randomUUID,
  now: () => now,
  proveFresh: async () => new Map([['session', 1n]]),
  maxCrossedShare: 1,
  relay: async () => 0,
});
const run = (changes: Partial<SweepPlan> = {}, now = changes.asOf ?? NOW) =>
  sweep(sweepDeps(now), { ...plan, ...changes });

const pruneNow = (lookbackDays = 30, now = NOW) =>
  prune({
    database: db.database,
    now: () => now,
    lookbackDays,
    isStopping: () => false,
    showProgress: () => ({ update() {}, end() {} }),
  });

/** As `track` does. */
function seen(userId: string, on: Instant): Promise<unknown> {
  const fold = createFold();
  fold.add({ studentId: studentIdOf(userId) as StudentId, userId, source: 'session', at: on }, on);
  return writeLearners(db.database, fold.columns(), { mostRowsChange: false, now: () => on }, async () => {});
}

/** As `audit --repair --trust-source` does if the source does not have later activities any more. */
const setBack = (userId: string, on: Instant) =>
  sql('UPDATE lastseen.user_last_seen SET session_at = $2 WHERE user_id = $1', [userId, formatInstant(on)]);

/** The events since an instant, without the ids of runs. */
async function eventsSince(asOf: Instant): Promise<unknown> {
  const { rows } = await sql(
    `SELECT user_id, phase, threshold_days, last_seen_at, as_of, reopenings FROM lastseen.inactivity_outbox
     WHERE as_of >= $1 ORDER BY user_id, as_of, phase`,
    [formatInstant(asOf)],
  );
  return rows;
}

/** Silences of other learners that are long over, so that there is something to remove. */
async function longOver(): Promise<void> {
  for (let n = 0; n < 5; n++) {
    await seen(`old ${n}`, daysAgo(800));
    await run({ asOf: daysAgo(790) });
    await seen(`old ${n}`, daysAgo(780));
  }
  await sql('UPDATE lastseen.inactivity_outbox SET published_at = detected_at');
}

/**
 * Expects that a story has the same end with and without a prune in it, which must have removed something.
 *
 * @param story resolves with what was decided after the prune.
 */
async function expectSame(
  story: (prune: () => Promise<void>) => Promise<unknown>,
  lookbackDays = 30,
): Promise<unknown> {
  await longOver();
  const expected = await story(async () => {});
  await clear();
  await longOver();
  let removed = 0n;
  const decided = await story(async () => {
    const { kinds } = await pruneNow(lookbackDays);
    removed = kinds.reduce((sum, { rows }) => sum + rows, 0n);
  });
  expect(removed).toBeGreaterThan(0n);
  expect(decided).toEqual(expected);
  return decided;
}

describe('after a prune, a sweep', () => {
  it('reopens a silence of the lookback that a return had closed, with another event id', async () => {
    const decided = await expectSame(async (pruneHere) => {
      await seen('anna', daysAgo(20));
      await run({ asOf: daysAgo(10) });
      await seen('anna', daysAgo(5));
      await pruneHere();
      await setBack('anna', daysAgo(20));
      await run();
      return eventsSince(NOW);
    });
    expect(decided).toMatchObject([{ phase: 'CROSSED', reopenings: 1 }]);
  });

  it('does so for a lookback that is longer than all ages', async () => {
    const long = { lookbackDays: 600 };
    const decided = await expectSame(async (pruneHere) => {
      await seen('anna', daysAgo(560));
      await run({ ...long, asOf: daysAgo(550) });
      await seen('anna', daysAgo(540));
      await sql('UPDATE lastseen.inactivity_outbox SET published_at = detected_at');
      await pruneHere();
      await setBack('anna', daysAgo(560));
      await run(long);
      return eventsSince(NOW);
    }, 600);
    expect(decided).toMatchObject([{ phase: 'CROSSED', reopenings: 1 }]);
  });

  it('is refused for a longer lookback than that of the prune, and leaves no trace', async () => {
    await longOver();
    await seen('anna', daysAgo(560));
    const { floor } = await pruneNow();
    const runs = (await sql('SELECT FROM lastseen.sweep_run')).count;
    await expect(run({ lookbackDays: 600 })).rejects.toMatchObject({ code: 'usage' });
    await expect(run({ asOf: daysAgo(450) }, NOW)).rejects.toMatchObject({ code: 'usage' });
    expect((await sql('SELECT FROM lastseen.sweep_run')).count).toBe(runs);
    // The longest lookback that the message names.
    const lookbackDays = Number((NOW - must(floor, 'a floor')) / MICROS_PER_DAY);
    expect(await run({ lookbackDays })).toMatchObject({ status: 'completed' });
  });

  it('emits no second CROSSED, and ONGOING once per day, for silences of any age', async () => {
    const long = { lookbackDays: 600 };
    const decided = await expectSame(async (pruneHere) => {
      await seen('anna', daysAgo(500));
      await seen('ben', daysAgo(20));
      await run({ ...long, asOf: daysAgo(420) });
      await run({ ...long, asOf: NOW - 1n });
      await pruneHere();
      await run(long);
      await run({ ...long, asOf: NOW + MICROS_PER_DAY });
      return eventsSince(NOW);
    }, 600);
    expect(decided).toMatchObject([
      { user_id: 'anna', phase: 'ONGOING', as_of: NOW + MICROS_PER_DAY },
      { user_id: 'ben', phase: 'ONGOING', as_of: NOW + MICROS_PER_DAY },
    ]);
  });

  it('holds by the median of the same dates, and knows the same thresholds', async () => {
    const monthly = async (thresholds: string, days: number, crossed: number) =>
      sql(
        `INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, crossed, started_at, finished_at)
         VALUES (gen_random_uuid(), $1, $2, 60, 'completed', $3, $1, $1)`,
        [at(days), thresholds, crossed],
      );
    const decided = await expectSame(async (pruneHere) => {
      // Once a month since four years, not in the last year.
      for (let month = 0; month < 36; month++) await monthly('{21}', 410 + 30 * month, month < 14 ? 40 : 1_000);
      await monthly('{28}', 900, 3);
      await pruneHere();
      await sql(
        `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
         SELECT md5('u' || n)::uuid, 'u' || n, $1::timestamptz FROM generate_series(1, 201) n`,
        [at(25)],
      );
      const { runId: _, ...held } = (await run({ thresholds: [21] })) as { runId: string; status: string };
      const usual = await Promise.all([[7], [21], [28]].map((thresholds) => readUsualRuns(db.database, thresholds)));
      return { held, usual: usual.map((each) => ({ ...each, knownThresholds: [...each.knownThresholds].sort() })) };
    });
    expect(decided).toMatchObject({ held: { status: 'held', crossing: 201n, limit: 200n } });
  });

  it('has the same records of the sources, and shows the same runs in its metrics', async () => {
    await expectSame(async (pruneHere) => {
      for (let day = 18; day > 0; day--) await run({ asOf: daysAgo(day) });
      await sql(`UPDATE lastseen.sweep_run SET finished_at = now() - (timestamptz '${at(0)}' - as_of)`);
      await sql(
        `INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, contradicted, started_at, finished_at)
         VALUES (gen_random_uuid(), $1, '{7}', 30, 'failed', 3, $1, $1)`,
        [at(500)],
      );
      await pruneHere();
      const { contradicted, completed } = await readSweepState(db.database);
      const volumes = (await readSourceVolumes(db.database)).get('session')?.map(({ records }) => records);
      return { contradicted, completed: completed?.counts, volumes };
    });
  });
});

describe('after a prune, a return', () => {
  it('closes a silence of any age, with one event', async () => {
    const decided = await expectSame(async (pruneHere) => {
      await seen('anna', daysAgo(700));
      await run({ asOf: daysAgo(690) });
      await pruneHere();
      await seen('anna', NOW);
      await seen('anna', NOW + 1n);
      await run();
      return eventsSince(NOW);
    });
    expect(decided).toMatchObject([{ user_id: 'anna', phase: 'RETURNED', as_of: NOW }]);
  });
});

describe('after a prune, a held run', () => {
  it.each([
    ['of this day', 0],
    ['of a past as-of', 730],
  ])('%s can be approved', async (_, days) => {
    const asOf = daysAgo(days);
    const decided = await expectSame(async (pruneHere) => {
      await sql(
        `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
         SELECT md5('u' || n)::uuid, 'u' || n, $1::timestamptz FROM generate_series(1, 150) n`,
        [formatInstant(asOf - 8n * MICROS_PER_DAY)],
      );
      const { runId } = await run({ asOf, thresholds: [8], lookbackDays: 9 }, NOW);
      await pruneHere();
      const { status, crossed } = await approve(sweepDeps(NOW), runId);
      return { status, crossed };
    });
    expect(decided).toEqual({ status: 'completed', crossed: 150n });
  });

  it('and a running one are in the history, however old they are', async () => {
    await longOver();
    for (const status of ['held', 'running', 'failed', 'superseded', 'discarded']) {
      await sql(
        `INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, started_at, finished_at)
         SELECT gen_random_uuid(), $2::timestamptz - n * interval '1 day', '{7}', 30, $1, $2::timestamptz - n * interval '1 day',
           CASE WHEN $1 <> 'running' THEN $2::timestamptz END
         FROM generate_series(1, 20) n`,
        [status, at(500)],
      );
    }
    await pruneNow();
    const { rows } = await sql(`SELECT status, count(*)::int AS runs FROM lastseen.sweep_run GROUP BY 1 ORDER BY 1`);
    expect(rows).toEqual(
      expect.arrayContaining([
        { status: 'held', runs: 20 },
        { status: 'running', runs: 20 },
      ]),
    );
    // Of the others, those of the newest 16 days with runs.
    expect(rows).toContainEqual({ status: 'discarded', runs: 16 });
  });
});

describe('after a prune, audits', () => {
  const audited = (status: string, days: number, sources: readonly string[], finishedDays = days) =>
    sql(
      `INSERT INTO lastseen.audit_run (run_id, status, sources, repair, snapshot_at, drifting, started_at, finished_at)
       VALUES (gen_random_uuid(), $1, $2, 'none', $3, 4, $3, $4)`,
      [status, sources, at(days), status === 'running' ? null : at(finishedDays)],
    );

  it('prove the same sources, and leave the same drift', async () => {
    const decided = await expectSame(async (pruneHere) => {
      await audited('clean', 900, ['session', 'attempt']);
      await audited('drift', 800, ['attempt']);
      await audited('repaired', 700, ['exam_results'], 450);
      await audited('failed', 600, ['session', 'attempt', 'exam_results']);
      await audited('running', 590, ['session']);
      await audited('drift', 500, ['features_topic_daily'], 499);
      await pruneHere();
      return {
        sources: [...(await auditedSources(db.database))].sort(),
        state: await readAuditState(db.database),
        drift: (await readUnexplainedDrift(db.database))?.learners,
        running: (await sql(`SELECT FROM lastseen.audit_run WHERE status = 'running'`)).count,
      };
    });
    expect(decided).toMatchObject({ sources: ['exam_results', 'session'], drift: 4n, running: 1 });
  });

  it('that others have replaced are gone', async () => {
    for (const days of [900, 800, 700]) await audited('clean', days, ['session']);
    await audited('failed', 600, ['session']);
    await audited('clean', 10, ['session', 'attempt']);
    await pruneNow();
    expect((await sql('SELECT FROM lastseen.audit_run')).count).toBe(1);
  });
});
