import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import type { SourceEnds } from '../../src/freshness/judgement.ts';
import { listRuns, readSourceVolumes, readSweepState, readUsualRuns } from '../../src/history/sweep-runs-store.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { approve, discard, type SweepDeps, sweep } from '../../src/sweep/pipeline.ts';
import { heldRun } from '../../src/sweep/runs-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() =>
  sql('TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run'),
);

const DAY = MICROS_PER_DAY;
const asOf = parseInstant('2026-03-16T05:00:00Z') as bigint;
const plan: SweepPlan = { asOf, thresholds: [7], lookbackDays: 30, refresh: 'daily' };
const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });

/** Inserts learners who were last seen some days before the as-of. */
async function silent(learners: number, days: number, from = 0): Promise<void> {
  await sql(
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
     SELECT md5('u' || n)::uuid, 'u' || n, $1::timestamptz FROM generate_series($2::int, $3::int) n`,
    [formatInstant(asOf - BigInt(days) * DAY), from + 1, from + learners],
  );
}

const seenAgain = (n: number, at: bigint) =>
  sql(`UPDATE lastseen.user_last_seen SET session_at = $1 WHERE user_id = $2`, [formatInstant(at), `u${n}`]);

const ends: SourceEnds = new Map([['session', 12n]]);
const deps = (changes: Partial<SweepDeps> = {}): SweepDeps => ({
  database: db.database,
  newRunId: randomUUID,
  now: () => asOf,
  proveFresh: async () => ends,
  maxCrossedShare: 0.2,
  relay: async () => 0,
  ...changes,
});
const run = (changes: Partial<SweepPlan> = {}, more: Partial<SweepDeps> = {}) =>
  sweep(deps(more), { ...plan, ...changes });
/** Records an ordinary completed run some days before the as-of. */
const nightly = (daysBefore: bigint, crossed: number) =>
  sql(
    `INSERT INTO lastseen.sweep_run
       (run_id, as_of, thresholds, lookback_days, status, crossed, started_at, finished_at)
     VALUES (gen_random_uuid(), $1, '{7}', 30, 'completed', $2, $1, $1)`,
    [formatInstant(asOf - daysBefore * DAY), crossed],
  );
const written = async () =>
  (await sql(`SELECT FROM lastseen.episode UNION ALL SELECT FROM lastseen.inactivity_outbox`)).count;
const statuses = async () => (await listRuns(db.database, 20)).map(({ status }) => status).sort();

describe('a held run', () => {
  it('writes only its counts, not even the returns that it found', async () => {
    await silent(1, 8);
    expect(await run()).toMatchObject({ status: 'completed', crossed: 1n });
    await seenAgain(1, asOf - DAY);
    const before = await written();
    await silent(150, 9, 10);
    await silent(5, 1, 500);
    const held = await run();
    expect(held).toMatchObject({ status: 'held', crossing: 150n, limit: 100n, active: 156n, inactive: 150n });
    expect(await written()).toBe(before);
    const [stored] = (await listRuns(db.database, 20)).filter(({ status }) => status === 'held');
    expect(stored).toMatchObject({
      crossing: 150n,
      crossing_limit: 100n,
      held_because: expect.any(String),
      crossed: null,
    });
  });

  it('is the first run of a threshold that more than 100 learners would cross, forced or not', async () => {
    await silent(101, 8);
    await silent(1_000, 1, 1_000);
    expect(await run()).toMatchObject({ status: 'held', because: expect.stringContaining('no ordinary run before') });
    expect(await run({}, { proveFresh: undefined })).toMatchObject({ status: 'held' });
    expect(await run({ limit: 100 })).toMatchObject({ status: 'completed', crossed: 100n });
  });

  it('is counted by status, beside the counts of the newest completed run', async () => {
    await nightly(1n, 150);
    await silent(3, 8);
    await silent(1_000, 1, 1_000);
    await run();
    await silent(1_200, 9, 2_000);
    expect(await run()).toMatchObject({ status: 'held' });
    expect(await readSweepState(db.database)).toEqual({
      runs: new Map([
        ['completed', 2n],
        ['held', 1n],
      ]),
      completed: {
        finishedAt: expect.any(BigInt),
        counts: {
          active: 1_003n,
          inactive: 3n,
          crossed: 3n,
          ongoing: 0n,
          returned: 0n,
          doubtful: 0n,
          verified: 0n,
          returned_candidates: 0n,
        },
      },
      contradicted: 0n,
    });
  });

  it.each<[string, Partial<SweepPlan>]>([
    ['another threshold', { thresholds: [9] }],
    ['another threshold besides', { thresholds: [7, 14] }],
    ['another lookback', { lookbackDays: 31 }],
    ['a limit', { limit: 1 }],
    ['an earlier as-of', { asOf: asOf - 7n * DAY }],
  ])('is not superseded by a run of %s', async (_, changes) => {
    await silent(1_000, 1, 1_000);
    await silent(150, 8);
    const { runId } = await run();
    await run(changes);
    expect(await approve(deps(), runId)).toMatchObject({ status: 'completed', runId });
  });

  it('that is too old to approve is superseded by a completed run of any plan without a limit', async () => {
    await silent(150, 8);
    await run();
    const later = asOf + 3n * DAY;
    await run({ asOf: later, thresholds: [12] }, { now: () => later });
    expect(await statuses()).toEqual(['completed', 'held']);
    await run({ asOf: later + 1n, thresholds: [12], limit: 1 }, { now: () => later + 1n });
    expect(await statuses()).toEqual(['completed', 'completed', 'held']);
    await run({ asOf: later + 1n, thresholds: [12] }, { now: () => later + 1n });
    expect(await statuses()).toEqual(['completed', 'completed', 'completed', 'superseded']);
  });

  it('is superseded by the next run of the same plan', async () => {
    await silent(150, 8);
    await run();
    await run();
    expect(await statuses()).toEqual(['held', 'superseded']);
    await nightly(1n, 150);
    await silent(1_000, 1, 1_000);
    expect(await run()).toMatchObject({ status: 'completed' });
    expect(await statuses()).toEqual(['completed', 'completed', 'superseded', 'superseded']);
  });

  it('is not superseded by a run that was not fresh', async () => {
    await silent(150, 8);
    await run();
    const notFresh = () => Promise.reject(new LastseenError('not_fresh', 'not fresh: no'));
    await expect(run({}, { proveFresh: notFresh })).rejects.toMatchObject({ code: 'not_fresh' });
    expect(await statuses()).toEqual(['failed', 'held']);
  });

  it('can be discarded once', async () => {
    await silent(150, 8);
    const { runId } = await run();
    await discard(db.database, runId);
    expect(await written()).toBe(0);
    await expect(approve(deps(), runId)).rejects.toMatchObject({ code: 'not_held' });
    await expect(discard(db.database, runId)).rejects.toMatchObject({ code: 'not_held' });
    await expect(discard(db.database, randomUUID())).rejects.toMatchObject({ code: 'not_held' });
  });
});

describe('an approval', () => {
  it('checks each learner again and does not flag those seen in the meantime', async () => {
    await silent(150, 8);
    const { runId } = await run({ refresh: 'off' });
    expect((await heldRun(db.database, runId)).plan).toEqual({ ...plan, refresh: 'off', limit: undefined });
    await seenAgain(1, asOf - DAY);
    await seenAgain(2, asOf + DAY);
    expect(await approve(deps(), runId)).toMatchObject({ status: 'completed', runId, crossed: 148n });
    const flagged = await sql(`SELECT FROM lastseen.inactivity_outbox WHERE user_id IN ('u1', 'u2')`);
    expect(flagged.count).toBe(0);
    expect(await statuses()).toEqual(['completed']);
    await expect(approve(deps(), runId)).rejects.toMatchObject({ code: 'not_held' });
  });

  it('proves freshness again, and leaves the run held if that fails', async () => {
    await silent(150, 8);
    const { runId } = await run();
    const notFresh = () => Promise.reject(new LastseenError('not_fresh', 'not fresh: no'));
    await expect(approve(deps({ proveFresh: notFresh }), runId)).rejects.toMatchObject({ code: 'not_fresh' });
    expect(await written()).toBe(0);
    expect(await statuses()).toEqual(['held']);
  });

  it('is refused more than 3 days after the as-of, forced or not', async () => {
    await silent(150, 8);
    const { runId } = await run();
    const tooLate = { now: () => asOf + 3n * DAY + 1n };
    await expect(approve(deps(tooLate), runId)).rejects.toMatchObject({ code: 'too_old' });
    await expect(approve(deps({ ...tooLate, proveFresh: undefined }), runId)).rejects.toMatchObject({
      code: 'too_old',
    });
    expect(await statuses()).toEqual(['held']);
    expect(await approve(deps({ now: () => asOf + 3n * DAY }), runId)).toMatchObject({ crossed: 150n });
  });

  it('is accepted for a past as-of up to 3 days after the start of the run', async () => {
    await silent(150, 8);
    const startedAt = asOf + 100n * DAY;
    const { runId } = await run({}, { now: () => startedAt });
    expect(await approve(deps({ now: () => startedAt + 3n * DAY }), runId)).toMatchObject({ crossed: 150n });
  });

  it('without the proof of freshness is recorded as forced', async () => {
    await silent(150, 8);
    const { runId } = await run();
    await approve(deps({ proveFresh: undefined }), runId);
    expect((await listRuns(db.database, 1))[0]).toMatchObject({ status: 'completed', forced: true });
  });
});

describe('the usual number', () => {
  it('is not held', async () => {
    await nightly(1n, 40);
    await silent(150, 8);
    await silent(1_000, 1, 1_000);
    expect(await run()).toMatchObject({ status: 'completed', crossed: 150n });
  });

  it('leaves out limited and forced runs, runs of a past as-of, and runs of other thresholds', async () => {
    await silent(20, 8);
    await run({ limit: 3 });
    await run({}, { proveFresh: undefined });
    await run({ asOf: asOf - 2n * DAY });
    await run({ thresholds: [8] });
    const usual = await readUsualRuns(db.database, [7]);
    expect(usual).toEqual({ usuallyCrossed: [], knownThresholds: new Set([8]) });
    await nightly(3n, 9);
    await run();
    expect(await readUsualRuns(db.database, [7])).toEqual({
      usuallyCrossed: [0n, 9n],
      knownThresholds: new Set([7, 8]),
    });
  });

  it('is taken from the newest 14 UTC dates', async () => {
    for (let day = 1n; day <= 16n; day++) await nightly(day, Number(day));
    const { usuallyCrossed } = await readUsualRuns(db.database, [7]);
    expect(usuallyCrossed).toEqual(Array.from({ length: 14 }, (_, n) => BigInt(n + 1)));
  });

  it('is the sum of the runs of a date, also if a date has many runs', async () => {
    for (let day = 1n; day <= 13n; day++) await nightly(day, 300);
    await silent(3_000, 1, 1_000);
    await silent(300, 8);
    const relay = () => Promise.reject(new Error('no broker answers'));
    // The CronJob starts the sweep again until its events are published; each run but the first crosses nobody.
    for (let second = 0n; second < 9n; second++) {
      await expect(run({ asOf: asOf + second * 1_000_000n }, { relay })).rejects.toThrow('no broker');
    }
    expect((await readUsualRuns(db.database, [7])).usuallyCrossed).toEqual(Array.from({ length: 14 }, () => 300n));
    await silent(300, 7, 10_000);
    expect(await run({ asOf: asOf + DAY })).toMatchObject({ status: 'completed', crossed: 300n });
  });

  it('keeps the ends of each source’s topic at a completed run exactly', async () => {
    await run({}, { proveFresh: async () => new Map([['session', 2n ** 60n]]) });
    await run({}, { proveFresh: undefined });
    const volumes = await readSourceVolumes(db.database);
    expect(volumes.get('session')?.map(({ records }) => records)).toEqual([2n ** 60n]);
  });
});
