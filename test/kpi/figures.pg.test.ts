import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Instant, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { FIGURES, type FigureName } from '../../src/kpi/figures/figure.ts';
import { metricsPolicy } from '../../src/kpi/figures/policy.ts';
import type { FigureDeps } from '../../src/kpi/inputs/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { clearPlatform, insertRows } from '../support/platform-rows.ts';
import { computeFigures, OPTIONS } from './compute-figures.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clearPlatform(db.database));

const AS_OF = parseInstant('2026-03-18T05:00:00Z') ?? 0n;
const LEGACY = { policy: metricsPolicy('legacy') };

async function figuresOf(
  userId: string,
  wanted: readonly FigureName[],
  changes: Partial<FigureDeps['options']> = {},
  more: Partial<FigureDeps> & { row?: 'whole' | 'existing'; asOf?: Instant } = {},
) {
  const { row = 'whole', asOf = AS_OF, ...deps } = more;
  const all = { source: db.database, database: db.database, ...deps, options: { ...OPTIONS, ...changes } };
  const [figures] = await computeFigures(all, [{ userId, studentId: studentIdOf(userId), asOf }], wanted, row);
  return figures;
}

const exam = (id: number, created_at: string, questions: unknown) => ({
  id: `00000000-0000-4000-8000-00000000000${id}`,
  session_id: `exam-${id}`,
  user_id: 'anna',
  created_at,
  result_json: { questions },
});

const attempt = (id: number, item_id: number, correct: boolean, completed_at: string, session_id: string | null) => ({
  id,
  student_id: studentIdOf('anna'),
  item_id,
  topic_id: 'algebra',
  correct,
  response_time_ms: 1_000,
  hint_used: false,
  session_id,
  completed_at,
});

describe('the answers of a learner', () => {
  it('come from exams and from practice, and an answer that is in both counts once', async () => {
    await insertRows(db.database, 'exam_results', [
      exam(1, '2026-02-10Z', [
        { question_id: 1, topic: 'algebra', is_correct: false },
        { question_id: 2, topic: 'algebra', is_correct: false },
      ]),
      exam(2, '2026-03-10Z', [{ question_id: '001', topic: 'algebra', is_correct: true }]),
      exam(3, '2026-03-11Z', []),
    ]);
    const recovered = async (changes: Partial<FigureDeps['options']> = {}) =>
      (await figuresOf('anna', ['R_t'], changes))?.figures.R_t;
    expect(await recovered()).toBe(1);

    await insertRows(db.database, 'attempt', [
      // The exam's answer again.
      attempt(1, 1, false, '2026-03-10Z', 'exam-2'),
      // Practice: two wrong ones, one of an exam without questions, one without a session.
      attempt(2, 2, false, '2026-03-11Z', 'exam-3'),
      attempt(3, 1, false, '2026-03-12Z', null),
    ]);
    expect(await recovered()).toBeCloseTo(1 / 3, 12);
    expect(await recovered({ attemptSource: 'exam_results' })).toBe(1);
    expect(await recovered(LEGACY)).toBeCloseTo(1 / 3, 12);
  });

  it('count once if attempt is a view over the exams’ questions, with either setting', async () => {
    await insertRows(db.database, 'exam_results', [
      exam(1, '2026-02-10Z', [{ question_id: 1, is_correct: false }]),
      exam(2, '2026-03-10Z', [
        { question_id: 1, is_correct: true },
        { question_id: 1, is_correct: false },
      ]),
    ]);
    await db.database.query({
      text: `ALTER TABLE attempt RENAME TO attempt_away;
        CREATE VIEW attempt AS SELECT row_number() OVER () AS id, md5(user_id)::uuid AS student_id,
          (q ->> 'question_id')::bigint AS item_id, NULL::text AS topic_id, (q ->> 'is_correct')::boolean AS correct,
          NULL::int AS response_time_ms, NULL::boolean AS hint_used, session_id, created_at AS completed_at
        FROM exam_results, jsonb_array_elements(result_json -> 'questions') AS q`,
    });
    try {
      for (const attemptSource of ['topic', 'exam_results'] as const) {
        const figures = (await figuresOf('anna', ['R_t', 'A_t'], { attemptSource }))?.figures;
        // One recent session and time; hints and dwell are unknown.
        expect(figures).toEqual({ R_t: 0.5, A_t: expect.closeTo(0.35 / 28 + 0.25 * 0.5 + 0.2 * 0.5 + 0.2 * 0.5, 12) });
      }
    } finally {
      await db.database.query({ text: 'DROP VIEW attempt; ALTER TABLE attempt_away RENAME TO attempt' });
    }
  });

  it('give six null figures for a learner without data', async () => {
    expect(await figuresOf('nobody', FIGURES)).toEqual({
      figures: { I_t: null, E_t: null, R_t: null, A_t: null, P: null, S: null },
      pInterval: null,
      skippedAnswers: 0,
      target: 0,
    });
  });

  it('are read from an exam of ten thousand questions', async () => {
    const questions = Array.from({ length: 10_000 }, (_, item) => ({ question_id: item, time_spent_sec: 0.1 }));
    await insertRows(db.database, 'exam_results', [exam(1, '2026-03-10Z', questions)]);
    // One session, one time, 1,000 s, which is more than 900 s.
    const { figures } = (await figuresOf('anna', ['A_t'])) ?? {};
    expect(figures?.A_t).toBeCloseTo(0.35 / 28 + 0.25 * 0.5 + 0.2 * 0.5 + 0.2, 12);
  });
});

describe('P by the growth model', () => {
  const summary = {
    b_Intercept: { Estimate: 0.25 },
    b_week: 0.125,
    sd_student__Intercept: 1,
    sd_student__week: { Estimate: 0 },
    sigma: 0.6,
  };
  const fitted = (run_id: string, fitted_at: string | null, posterior_summary: unknown = summary) =>
    insertRows(db.database, 'growth_brms_meta', [{ run_id, posterior_summary, fitted_at }]);
  const pOf = async (
    changes: Partial<FigureDeps['options']> = {},
    more: Parameters<typeof figuresOf>[3] = {},
  ): Promise<number | null | undefined> =>
    (await figuresOf('anna', ['P'], { useBayesian: true, ...changes }, more))?.figures.P;
  /** Φ(0.625). */
  const NORMAL = 0.7340144709512995;

  beforeEach(() =>
    insertRows(db.database, 'ability_estimates', [
      { user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: '2026-03-16T00:00Z' },
    ]),
  );

  it('is read from the learner’s line at the horizon', async () => {
    await fitted('r', '2026-03-17Z');
    // One observation of variance 0.8² + 0.6² = 1 on the Monday itself: the level's posterior is N((0.25 + 0.5)/2, 1/2).
    // At the as-of (2 days, 5 hours) and 14 days: 0.375 + 0.125·(2 + 53/168) = 0.6644345…; Φ(0.66443… / √0.5).
    const t = 2 + 53 / 168;
    const z = (0.375 + 0.125 * t) / Math.SQRT1_2;
    expect(z).toBeCloseTo(0.9396523, 6);
    expect(await pOf()).toBeCloseTo(0.82630203383724, 12);
    expect(await pOf({ useBayesian: false })).toBe(NORMAL);
  });

  it.each([
    ['no fit', null],
    ['a fit after the as-of', () => fitted('r', '2026-03-18T05:00:00.000001Z')],
    ['an undated fit', () => fitted('r', null)],
    ['a newest fit that lacks a parameter', () => fitted('r', '2026-03-02Z', { ...summary, sigma: null })],
    ['a newest fit without a summary', () => fitted('r', '2026-03-02Z', null)],
  ])('comes from the normal rule with %s', async (what, arrange) => {
    if (what.startsWith('a newest')) await fitted('older', '2026-03-01Z');
    await arrange?.();
    expect(await pOf()).toBe(NORMAL);
  });

  it('is the prediction of the service if there is a fit', async () => {
    const growthService: FigureDeps['growthService'] = async (questions) =>
      new Map(questions.map((each) => [each, 0.125]));
    expect(await pOf({}, { growthService })).toBe(NORMAL);
    await fitted('r', '2026-03-02Z', {});
    expect(await pOf({}, { growthService })).toBe(0.125);
    expect(await pOf({}, { growthService: async (questions) => new Map(questions.map((each) => [each, 1.5])) })).toBe(
      NORMAL,
    );
    expect(await pOf({}, { growthService: async () => new Map() })).toBe(NORMAL);
  });

  it('is in the legacy profile the newest stored P, if that is a number', async () => {
    const store = (week: string, kpis: string) =>
      db.database.query({
        text: `INSERT INTO weekly_kpi (user_id, week_start, kpis) VALUES ('anna', $1, $2::jsonb)`,
        values: [week, kpis],
      });
    await fitted('r', '2026-03-17Z');
    expect(await pOf(LEGACY)).toBeCloseTo(NORMAL, 12);
    await store('2026-02-16', '{"P": 0.25}');
    expect(await pOf(LEGACY)).toBe(0.25);
    await store('2026-02-23', '{"P": " 1.75 "}');
    expect(await pOf(LEGACY)).toBe(1);
    await store('2026-03-02', '{"S": 1, "P": null}');
    await store('2026-03-09', '[{"P": 0.5}]');
    expect(await pOf(LEGACY)).toBe(1);
    await store('2026-03-16', '{"P": "much"}');
    expect(await pOf(LEGACY)).toBeCloseTo(NORMAL, 12);
    expect(await pOf()).not.toBe(0.25);
  });
});

describe('the day of the figures', () => {
  it('is in the legacy profile the Sunday for a whole row, and the as-of’s date for a refreshed S', async () => {
    // As-of Wednesday 03-18, Sunday 03-22; an exam on 03-15 and one on the next Friday.
    await insertRows(db.database, 'exam_results', [
      exam(1, '2026-03-15Z', [{ question_id: 1 }]),
      exam(2, '2026-03-20Z', [{ question_id: 2 }]),
    ]);
    const s = async (row: 'whole' | 'existing', changes: Partial<FigureDeps['options']> = {}) =>
      (await figuresOf('anna', ['S'], changes, { row }))?.figures.S;
    // Exams until 03-18: m = 0, n = 1. From 03-15, k = 7 until 03-22, and k = 3 until 03-18.
    expect(await s('whole', LEGACY)).toBeCloseTo((0.6 * 7) / 14 + 0.15 * 0.9, 12);
    expect(await s('existing', LEGACY)).toBeCloseTo((0.6 * 3) / 14 + 0.15 * 0.9, 12);
    expect(await s('whole')).toBeCloseTo((0.6 * 3) / 14 + 0.15 * 0.9, 12);
    expect(await s('existing')).toBe(await s('whole'));
    const a = async (changes: Partial<FigureDeps['options']> = {}) =>
      (await figuresOf('anna', ['A_t'], changes))?.figures;
    // Two sessions five days apart without hints; one session with unknown hints and dwell.
    expect((await a(LEGACY))?.A_t).toBeCloseTo(0.35 * (2 / 28) + 0.25 / 5 + 0.2 + 0.2 * 0.5, 12);
    expect((await a())?.A_t).toBeCloseTo(0.35 / 28 + 0.25 * 0.5 + 0.2 * 0.5 + 0.2 * 0.5, 12);
  });
});
