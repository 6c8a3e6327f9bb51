import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { modelPage } from '../../src/churn/churn-page.ts';
import { type ChurnModel, parseModel } from '../../src/churn/model/model.ts';
import { type TrainDeps, train } from '../../src/churn/train-pipeline.ts';
import { must } from '../../src/runtime/must.ts';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';

const FROM = '2025-01-06';
const TO = '2025-06-09';
const day = (text: string) => must(parseInstant(text), 'it is an instant');

let db: FreshDatabase;
let directory: string;
const sql = (text: string) => db.database.query({ text });

/** Learners who are active every n-th day, until a day after which they stay away. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lastseen-test-'));
  vi.stubEnv('TMPDIR', directory);
  db = await freshDatabase();
  await sql(`INSERT INTO session (id, user_id, started_at)
    SELECT n || '-' || d, 'user-' || n, timestamptz '2025-01-01T12:00Z' + d * interval '1 day'
    FROM generate_series(1, 700) AS n, generate_series(0, 180) AS d
    WHERE d % (1 + n % 12) = 0 AND d < 30 + n % 97 * 2`);
  await sql(`INSERT INTO exam_results (id, session_id, user_id, created_at)
    SELECT gen_random_uuid(), 'exam-' || n, 'user-' || n, timestamptz '2025-01-20Z' FROM generate_series(1, 700, 3) AS n`);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await db.close();
});

const deps = (changes: Partial<TrainDeps> = {}): TrainDeps => ({
  sourceDatabase: db.database,
  sources: new Set(SOURCES),
  attemptSource: 'topic',
  isStopping: () => false,
  onLearner: () => {},
  onRead: () => {},
  ...changes,
});
const plan = { from: day(FROM), to: day(TO), horizonDays: 14, ridge: 10 };
const temporaryFolders = () => readdirSync(directory).filter((name) => name.startsWith('lastseen-churn-'));

const lastseen = (...args: string[]) => runCli({ DATABASE_URL: asRole(db.url, 'operator') }, ['churn', ...args]);

describe('a training', () => {
  it('takes one snapshot per learner and week, and ranks better than silence by itself', async () => {
    const shares: number[] = [];
    let readings = 0;
    const { model, incompleteDays } = await train(
      deps({ onLearner: (share) => void shares.push(share), onRead: () => void readings++ }),
      plan,
    );
    expect(incompleteDays).toBe(0);
    expect(model).toMatchObject({ horizon_days: 14, trained: { from: FROM, to: TO, learners: 700, ridge: 10 } });
    const { snapshots } = model.trained;
    // 155 days are 22 weeks and a day.
    expect(snapshots).toBeGreaterThanOrEqual(22 * 700);
    expect(snapshots).toBeLessThanOrEqual(23 * 700);
    const { learners, time } = model.tested;
    expect(learners['0-6']?.auc).toBeGreaterThan((learners['0-6']?.silence_auc ?? 1) + 0.05);
    expect(learners['all']?.calibration_error).toBeLessThan(0.03);
    expect(time['all']?.snapshots).toBeLessThan(snapshots / 2);
    expect(shares).toHaveLength(700);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
    expect(readings).toBeGreaterThan(3);
    expect(temporaryFolders()).toEqual([]);
  });

  it('gives the same model again, also after activity that no outcome looks at', async () => {
    const { model } = await train(deps(), plan);
    expect((await train(deps(), plan)).model).toEqual(model);
    await sql(`INSERT INTO session (id, user_id, started_at)
      SELECT 'late-' || n, 'user-' || n, timestamptz '2025-06-23Z' FROM generate_series(1, 700) AS n`);
    expect((await train(deps(), plan)).model).toEqual(model);
    await sql(`INSERT INTO session (id, user_id, started_at)
      SELECT 'last-' || n, 'user-' || n, timestamptz '2025-06-22T23:00Z' FROM generate_series(1, 700) AS n`);
    expect((await train(deps(), plan)).model.hash).not.toBe(model.hash);
    await sql(`DELETE FROM session WHERE id LIKE 'la%'`);
  });

  it('says that it was not tested on a later time if that leaves too few snapshots', async () => {
    const { model } = await train(deps(), { ...plan, from: day('2025-03-03'), to: day('2025-04-07') });
    expect(model.tested.time).toEqual({});
    expect(modelPage(model)).toContain('Not tested on the last quarter of the time: too few snapshots.');
  });

  it('takes only the learners that are given', async () => {
    const learners = new Set(Array.from({ length: 400 }, (_, n) => studentIdOf(`user-${n + 1}`)));
    expect((await train(deps({ learners }), plan)).model.trained.learners).toBe(400);
    await expect(train(deps({ learners: new Set([studentIdOf('nobody')]) }), plan)).rejects.toThrow('no learner');
  });

  it('leaves out days of which the outcome is not known yet', async () => {
    const today = Date.now() / 86_400_000;
    const to = BigInt(Math.floor(today)) * 86_400_000_000n;
    const { model, incompleteDays } = await train(deps(), { ...plan, to });
    expect(incompleteDays).toBe(14);
    expect(Date.parse(model.trained.to) / 86_400_000).toBe(Math.floor(today) - 14);
  });

  it('fails with the range of silence that has too few snapshots, and removes its file', async () => {
    await expect(train(deps(), { ...plan, to: plan.from })).rejects.toMatchObject({
      code: 'too_little_data',
      message: expect.stringMatching(
        /^too little data: \d+ snapshots of learners with \S+ days of silence, and at least 200 are needed: widen --from and --to$/,
      ),
    });
    await expect(train(deps(), { ...plan, from: day('2020-01-01'), to: day('2020-02-01') })).rejects.toMatchObject({
      message: 'too little data: no learner with a known outcome between --from and --to',
    });
    await expect(train(deps({ isStopping: () => true }), plan)).rejects.toMatchObject({ code: 'interrupted' });
    expect(temporaryFolders()).toEqual([]);
  });
});

describe('lastseen churn', () => {
  it('writes a model as an operator, and shows it', async () => {
    const file = join(directory, 'churn.json');
    const trained = await lastseen('train', '--from', FROM, '--to', TO, '--out', file);
    expect(trained, trained.stderr).toMatchObject({ code: 0 });
    const model = parseModel(readFileSync(file, 'utf8'));
    expect(trained.stdout).toContain(`model      ${model.hash}`);
    const shown = await lastseen('show', file);
    expect(shown).toMatchObject({ code: 0, stdout: trained.stdout });
    expect((await lastseen('show', file, '--json')).json<ChurnModel>()).toEqual(model);
  });

  it('reports how good a model is, beside the formula and the days of silence', async () => {
    const file = join(directory, 'churn.json');
    const time = ['--from', '2025-02-03', '--to', TO];
    const page = await lastseen('report', '--model', file, ...time);
    expect(page, page.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('By days of silence:') });
    const json = (await lastseen('report', '--model', file, ...time, '--json')).json<{
      learners: number;
      strata: { stratum: string; model: { auc: number }; formula: { auc: number }; silence: { auc: number } }[];
    }>();
    expect(json.learners).toBe(700);
    const recent = json.strata.find(({ stratum }) => stratum === '0-30');
    expect(recent?.model.auc).toBeGreaterThan(recent?.silence.auc ?? 1);
    expect(recent?.model.auc).toBeGreaterThan(recent?.formula.auc ?? 1);
    expect(page.stdout).toContain(recent?.model.auc.toFixed(3));
    const users = join(directory, 'users.txt');
    writeFileSync(users, 'user-1\nuser-2\n');
    const few = await lastseen('report', '--model', file, ...time, '--user-file', users, '--json');
    expect(few.json()).toMatchObject({ learners: 2 });
  });

  it('refuses a file that is no model, and wrong flags, with exit code 2 and one line', async () => {
    const file = join(directory, 'no-model.json');
    writeFileSync(file, '{"format": 1}');
    for (const [args, message] of [
      [['show', file], /^lastseen churn show: \S+no-model\.json cannot be used: it is no model of lastseen: /m],
      [['show', join(directory, 'none')], /^lastseen churn show: the model cannot be read: ENOENT/m],
      [['report', '--from', FROM, '--to', TO], /^lastseen churn report: --model is needed/m],
      [['train', '--from', FROM], /^lastseen churn train: --from and --to are needed/m],
      [['train', '--from', TO, '--to', FROM], /^lastseen churn train: --from is after --to/m],
      [['train', '--from', FROM, '--to', TO, '--ridge', '-1'], /It must be a number of 0 or more/],
    ] as const) {
      const run = await lastseen(...args);
      expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
      expect(run.stderr).not.toMatch(/^ {4}at /m);
    }
  });
});
