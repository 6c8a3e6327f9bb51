import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, parseInstant } from '../../../src/activity/instant.ts';
import { studentIdOf } from '../../../src/activity/learner.ts';
import { SOURCES } from '../../../src/activity/source.ts';
import { NO_EXAMS } from '../../../src/kpi/figures/churn-risk.ts';
import type { FigureOptions } from '../../../src/kpi/figures/figures.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { loadFigureInputs, requireReadableInputs } from '../../../src/kpi/inputs/pipeline.ts';
import type { Queryable } from '../../../src/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../../support/fresh-database.ts';
import { clearPlatform, insertRows, type PlatformRows } from '../../support/platform-rows.ts';
import { type Learner, OPTIONS } from '../compute-figures.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clearPlatform(db.database));

const at = (text: string): Instant => parseInstant(text) ?? 0n;
const AS_OF = at('2026-03-16T05:00:00Z');
const learner = (userId: string, asOf = AS_OF): Learner => ({ userId, studentId: studentIdOf(userId), asOf });
const LEGACY = { policy: metricsPolicy('legacy') };

async function inputsOf(userId: string, options: Partial<FigureOptions> = {}, asOf = AS_OF) {
  const [inputs] = await load(db.database, [learner(userId, asOf)], { ...OPTIONS, ...options });
  return inputs;
}

/** The inputs of P and S, in the order of `learners`. */
async function load(on: Queryable, learners: readonly Learner[], options: FigureOptions) {
  const requests = learners.map((each) => ({ ...each, wanted: ['P', 'S'], row: 'existing' }) as const);
  const inputs = await loadFigureInputs({ source: on, database: on, options }, requests);
  return requests.map((request) => ({ ...inputs.get(request)?.goal, ...inputs.get(request)?.churn }));
}

describe('the ability row', () => {
  type Row = Omit<PlatformRows['ability_estimates'], 'user_id'>;
  const abilities = (...rows: Row[]) =>
    insertRows(
      db.database,
      'ability_estimates',
      rows.map((row) => ({ user_id: 'anna', ...row })),
    );
  const meanOf = async (options: Partial<FigureOptions> = {}) => (await inputsOf('anna', options))?.ability?.mean;

  it('is the newest by the first of its dates', async () => {
    await abilities(
      { mean: 1, sd: 1, fitted_at: '2026-03-01Z', updated_at: '2026-03-10Z', created_at: '2026-03-10Z' },
      { mean: 2, sd: 1, updated_at: '2026-03-02Z', created_at: '2026-03-10Z' },
      { mean: 3, sd: 1, created_at: '2026-03-03Z' },
    );
    expect(await meanOf()).toBe(3);
    expect(await meanOf(LEGACY)).toBe(3);
  });

  it('may be at the as-of but not later; legacy takes a later one too', async () => {
    await abilities(
      { mean: 1, sd: 1, fitted_at: formatInstant(AS_OF - 1n) },
      { mean: 2, sd: 1, fitted_at: formatInstant(AS_OF) },
      { mean: 3, sd: 1, fitted_at: formatInstant(AS_OF + 1n) },
    );
    expect(await meanOf()).toBe(2);
    expect(await meanOf(LEGACY)).toBe(3);
  });

  it('is an undated one only if there is no other; legacy takes an undated one first', async () => {
    await abilities({ mean: 1, sd: 1 }, { mean: 2, sd: 1, created_at: '2000-01-01Z' });
    expect(await meanOf()).toBe(2);
    expect(await meanOf(LEGACY)).toBe(1);
    await db.database.query({ text: 'DELETE FROM ability_estimates WHERE mean = 2' });
    expect(await meanOf()).toBe(1);
  });

  it.each([
    ['no mean', { mean: null, sd: 1 }],
    ['no sd', { mean: 0, sd: null }],
    ['a mean that is no number', { mean: 'NaN', sd: 1 }],
    ['an infinite mean', { mean: '-Infinity', sd: 1 }],
    ['an infinite sd', { mean: 0, sd: 'Infinity' }],
    ['an sd that is no number', { mean: 0, sd: 'NaN' }],
    ['an sd of 0', { mean: 0, sd: 0 }],
  ])('is not one with %s; legacy takes the newest, usable or not', async (_, unusable) => {
    await abilities({ mean: 1, sd: 1, fitted_at: '2026-01-01Z' }, { ...unusable, fitted_at: '2026-03-01Z' });
    expect(await meanOf()).toBe(1);
    expect(await meanOf(LEGACY)).not.toBe(1);
  });

  it('with a mean is the newest of any sd, undated ones first, for the legacy growth model', async () => {
    await insertRows(db.database, 'growth_brms_meta', [
      { run_id: 'r', posterior_summary: { b_week: 1 }, fitted_at: '2026-03-01Z' },
    ]);
    const withMean = async () =>
      (await inputsOf('anna', { ...LEGACY, useBayesian: true }))?.growth?.newestWithMean?.mean;
    await abilities(
      { mean: 1, sd: 1, fitted_at: '2026-01-01Z' },
      { mean: 2, sd: null, fitted_at: '2026-02-01Z' },
      { mean: null, sd: 1, fitted_at: '2026-03-01Z' },
      { mean: 'NaN', sd: 1 },
    );
    expect(await withMean()).toBe(2);
    await abilities({ mean: 3, sd: 0 });
    expect(await withMean()).toBe(3);
  });

  it('is the same for rows of one date in any physical order', async () => {
    const rows = [
      { mean: 1, sd: 0.5, fitted_at: '2026-03-01Z' },
      { mean: 2, sd: 0.4, fitted_at: '2026-03-01Z' },
      { mean: 3, sd: 0.4, fitted_at: '2026-03-01Z' },
    ];
    for (const order of [rows, rows.toReversed()]) {
      await clearPlatform(db.database);
      await abilities(...order);
      expect(await meanOf()).toBe(2);
      expect(await meanOf(LEGACY)).toBe(2);
    }
  });
});

describe('the goal', () => {
  it('is the one of the lowest priority number that has a level', async () => {
    await insertRows(db.database, 'interest_goal', [
      { user_id: 'anna', topic_id: 'a', target_level: null, priority: 1 },
      { user_id: 'anna', topic_id: 'b', target_level: 'NaN', priority: 2 },
      { user_id: 'anna', topic_id: 'c', target_level: 0.125, priority: 3 },
      { user_id: 'anna', topic_id: 'd', target_level: 0.5, priority: 4 },
      { user_id: 'anna', topic_id: 'e', target_level: 0.75, priority: null },
    ]);
    expect((await inputsOf('anna', { targetFrom: 'interest_goal' }))?.target).toBe(0.125);
    expect((await inputsOf('anna'))?.target).toBe(0);
    expect((await inputsOf('ben', { targetFrom: 'interest_goal' }))?.target).toBe(0);
  });
});

describe('the exams', () => {
  it('are those of 56 whole days, by the time of their update or else creation', async () => {
    const exam = (n: number, created_at: string, updated_at: string | null = null) => ({
      id: `00000000-0000-4000-8000-00000000000${n}`,
      session_id: `s${n}`,
      user_id: 'anna',
      created_at,
      updated_at,
    });
    await insertRows(db.database, 'exam_results', [
      exam(1, '2026-01-19T23:59:59.999999Z'),
      exam(2, '2026-01-01Z', '2026-01-20T00:00:00Z'),
      exam(3, '2026-03-16T23:59:59.999999Z'),
      exam(4, '2026-03-01Z', '2026-03-17T00:00:00Z'),
      exam(5, '2026-02-01T12:00:00.000001Z'),
    ]);
    expect((await inputsOf('anna'))?.exams).toEqual({
      count: 3,
      first: at('2026-01-20'),
      newest: at('2026-03-16T23:59:59.999999Z'),
      sessions: 3,
    });
    expect((await inputsOf('ben'))?.exams).toEqual(NO_EXAMS);
  });
});

describe('last seen', () => {
  const inTable = (userId: string, sessionAt: string) =>
    db.database.query({
      text: 'INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, $2, $3)',
      values: [studentIdOf(userId), userId, sessionAt],
    });
  const session = (started_at: string, ended_at: string | null = null) =>
    insertRows(db.database, 'session', [{ id: `${started_at}${ended_at}`, user_id: 'anna', started_at, ended_at }]);
  const seen = async (options: Partial<FigureOptions> = {}) => (await inputsOf('anna', options))?.lastSeenAt;

  it('is read from the table if that is not after the as-of', async () => {
    await session('2026-03-01Z');
    await inTable('anna', formatInstant(AS_OF));
    expect(await seen()).toBe(AS_OF);
  });

  it('is read from the sources if the table has the learner only later, or not at all', async () => {
    await session('2026-02-01Z', '2026-02-01T01:00:00.000001Z');
    await session('2026-03-16T05:00:00.000001Z');
    expect(await seen()).toBe(at('2026-02-01T01:00:00.000001Z'));
    await inTable('anna', formatInstant(AS_OF + 1n));
    expect(await seen()).toBe(at('2026-02-01T01:00:00.000001Z'));
  });

  it('is the latest of all enabled sources', async () => {
    await session('2026-03-01Z');
    await insertRows(db.database, 'exam_results', [
      { id: '00000000-0000-4000-8000-000000000001', session_id: 's', user_id: 'anna', created_at: '2026-03-02Z' },
    ]);
    await insertRows(db.database, 'features_topic_daily', [
      { user_id: 'anna', topic_id: 't', date: '2026-03-15', last_seen_at: '2026-03-03Z' },
    ]);
    await insertRows(db.database, 'attempt', [{ id: 1, student_id: studentIdOf('anna'), completed_at: '2026-03-04Z' }]);
    expect(await seen()).toBe(at('2026-03-04'));
    expect(await seen({ sources: ['session', 'exam_results', 'features_topic_daily'] })).toBe(at('2026-03-03'));
    expect(await seen({ sources: ['session', 'exam_results'] })).toBe(at('2026-03-02'));
    expect(await seen({ sources: ['session'] })).toBe(at('2026-03-01'));
    expect(await seen({ attemptSource: 'exam_results' })).toBe(at('2026-03-03'));
    expect(await seen({ attemptSource: 'exam_results', sources: ['attempt'] })).toBe(at('2026-03-02'));
  });

  it('needs no attempt table if attempts are derived from exam results', async () => {
    await db.database.query({ text: 'ALTER TABLE attempt RENAME TO attempt_away' });
    try {
      expect(await seen({ attemptSource: 'exam_results' })).toBeNull();
    } finally {
      await db.database.query({ text: 'ALTER TABLE attempt_away RENAME TO attempt' });
    }
  });

  it('ignores instants that track does not take as activity', async () => {
    await session('1999-12-31T23:59:59Z');
    expect(await seen()).toBeNull();
    await session('-infinity', 'infinity');
    expect(await seen()).toBeNull();
  });

  it('is not read in the legacy profile', async () => {
    await session('2026-03-01Z');
    expect(await seen(LEGACY)).toBeNull();
  });
});

describe('the inputs of a batch', () => {
  it('belong to each learner, by its own as-of', async () => {
    await insertRows(db.database, 'session', [
      { id: '1', user_id: 'anna', started_at: '2026-03-01Z' },
      { id: '2', user_id: 'anna', started_at: '2026-03-08Z' },
      { id: '3', user_id: 'ben', started_at: '2026-03-10Z' },
    ]);
    const asked = [learner('zoe'), learner('ben'), learner('anna', at('2026-03-05')), learner('anna')];
    const inputs = await load(db.database, asked, OPTIONS);
    expect(inputs.map(({ lastSeenAt }) => lastSeenAt)).toEqual([
      null,
      at('2026-03-10'),
      at('2026-03-01'),
      at('2026-03-08'),
    ]);
  });

  it('take as many queries for one learner as for a thousand', async () => {
    const queriesFor = async (count: number) => {
      let queries = 0;
      const counting: Queryable = {
        query: (statement) => {
          queries += 1;
          return db.database.query(statement);
        },
      };
      const asked = Array.from({ length: count }, (_, index) => learner(`u${index}`));
      await load(counting, asked, { ...OPTIONS, targetFrom: 'interest_goal' });
      return queries;
    };
    // Abilities, goals, exams, the table of last seen, each source.
    expect(await queriesFor(1)).toBe(4 + SOURCES.length);
    expect(await queriesFor(1_000)).toBe(4 + SOURCES.length);
  });
});

describe('the check before the first learner', () => {
  const check = () => requireReadableInputs({ source: db.database, database: db.database, options: OPTIONS }, AS_OF);

  it('finds no fault in the tables of the platform', async () => {
    await expect(check()).resolves.toBeUndefined();
  });

  it.each([
    ['a table', 'ALTER TABLE exam_results RENAME TO gone', 'ALTER TABLE gone RENAME TO exam_results'],
    [
      'a column',
      'ALTER TABLE ability_estimates RENAME mean TO gone',
      'ALTER TABLE ability_estimates RENAME gone TO mean',
    ],
    [
      'the type of a learner',
      'ALTER TABLE ability_estimates ALTER user_id TYPE integer USING 1',
      `ALTER TABLE ability_estimates ALTER user_id TYPE text USING ''`,
    ],
  ])('finds that %s differs', async (_, change, undo) => {
    await db.database.query({ text: change });
    try {
      await expect(check()).rejects.toMatchObject({ code: 'tables_differ' });
    } finally {
      await db.database.query({ text: undo });
    }
  });
});
