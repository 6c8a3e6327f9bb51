import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, startOfDay, startOfIsoWeek } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { FIGURES, type Figures } from '../../src/kpi/figures/figure.ts';
import type { FigureOptions } from '../../src/kpi/figures/figures.ts';
import { type MetricsProfile, metricsPolicy } from '../../src/kpi/figures/policy.ts';
import { createRandom } from '../../stack/random.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { insertRows } from '../support/platform-rows.ts';
import { computeFigures, type Learner } from './compute-figures.ts';
import { answerFiguresBySql } from './figures-by-sql.ts';
import { populate } from './kpi-population.ts';

const HORIZON_DAYS = 14;
const DEFAULT_TARGET = 0.25;

let db: FreshDatabase;
let learners: readonly Learner[];
beforeAll(async () => {
  db = await freshDatabase();
  learners = await populate(db.database, 2_000, createRandom('by sql'));
});
afterAll(() => db.close());

/**
 * All figures from their definition, in SQL only and by other means: gaps one by one, windows as dates, all sources in
 * one list, the best row as the one without a better one, the server's own erfc. `user_last_seen` is used if it is not
 * after the as-of.
 */
async function bySql(profile: MetricsProfile, useIrtTheta: boolean): Promise<readonly Figures[]> {
  const days = learners.map(({ asOf }) => dayOf(asOf, profile));
  const asked = learners.map((learner, index) => ({ ...learner, day: days[index] ?? 0n }));
  const ofAnswers = await answerFiguresBySql(db.database, profile, useIrtTheta, asked);
  const { rows } = await db.database.query<{ p: number | null; s: number | null }>({
    text: `
WITH learner AS (
  SELECT position, user_id, student_id, as_of, (day AT TIME ZONE 'UTC')::date AS d
  FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $7::timestamptz[]) WITH ORDINALITY
    AS l (user_id, student_id, as_of, day, position)
), exam AS (
  SELECT position, session_id, at,
    extract(epoch FROM at - lag(at) OVER (PARTITION BY position ORDER BY at)) / 86400 AS gap
  FROM (
    SELECT position, (as_of AT TIME ZONE 'UTC')::date AS last_day, session_id, coalesce(updated_at, created_at) AS at
    FROM learner JOIN exam_results USING (user_id)
  ) AS e
  WHERE (at AT TIME ZONE 'UTC')::date BETWEEN last_day - 55 AND last_day
    AND ($4 <> 'legacy' OR at <= (last_day || ' 23:59:59Z')::timestamptz)
), exams AS (
  SELECT position, coalesce(avg(gap)::float8, 0) AS m, count(DISTINCT session_id) AS n, max(at) AS newest
  FROM exam GROUP BY position
), activity AS (
  SELECT user_id, coalesce(updated_at, created_at) AS at FROM exam_results
  UNION ALL SELECT user_id, last_seen_at FROM features_topic_daily
  UNION ALL SELECT user_id, completed_at FROM attempt JOIN learner USING (student_id)
  UNION ALL SELECT user_id, coalesce(ended_at, started_at) FROM session
), silent AS (
  SELECT position, CASE WHEN $4 = 'legacy' THEN exams.newest
    ELSE coalesce(
      (SELECT last_seen_at FROM lastseen.user_last_seen AS seen
       WHERE seen.student_id = learner.student_id AND last_seen_at <= as_of),
      (SELECT max(at) FROM activity WHERE activity.user_id = learner.user_id AND at <= as_of)) END AS since
  FROM learner LEFT JOIN exams USING (position)
), estimate AS (
  SELECT row_number() OVER () AS id, position, mean, sd, as_of, coalesce(fitted_at, updated_at, created_at) AS at
  FROM learner JOIN ability_estimates USING (user_id)
), usable AS (
  SELECT *, coalesce(at, CASE WHEN $4 = 'legacy' THEN 'infinity' ELSE '-infinity' END::timestamptz) AS rank
  FROM estimate
  WHERE $4 = 'legacy' OR (coalesce(at <= as_of, true)
    AND mean::text NOT IN ('NaN', 'Infinity', '-Infinity') AND sd::text NOT IN ('NaN', 'Infinity') AND sd > 0)
), ability AS (
  SELECT * FROM usable AS one WHERE NOT EXISTS ( -- words: allow
    SELECT FROM usable AS other WHERE other.position = one.position AND (other.rank > one.rank OR other.rank = one.rank
      AND (coalesce(other.sd, 'NaN'), coalesce(other.mean, 'NaN'), other.id)
        < (coalesce(one.sd, 'NaN'), coalesce(one.mean, 'NaN'), one.id)))
), target AS (
  SELECT position, coalesce((
    SELECT target_level::float8 FROM interest_goal AS goal
    WHERE goal.user_id = learner.user_id AND target_level::text <> 'NaN'
    ORDER BY coalesce(priority, 2147483647), topic_id LIMIT 1), $6) AS level
  FROM learner
)
SELECT
  CASE WHEN since IS NOT NULL THEN
    0.6 * least(1, greatest(0, d - (since AT TIME ZONE 'UTC')::date) / $5::float8)
    + 0.25 * least(1, coalesce(m, 7) / 7) + 0.15 * greatest(0, 1 - coalesce(n, 0) / 10.0) END AS s,
  CASE WHEN sd > 0 AND mean IS NOT NULL AND mean::text <> 'NaN' AND sd::text <> 'NaN' THEN
    CASE WHEN mean = 'infinity' THEN CASE WHEN sd < 'infinity' THEN 1 END
      WHEN mean = '-infinity' THEN CASE WHEN sd < 'infinity' THEN 0 END
      ELSE 0.5 * erfc((level - mean) / sd / sqrt(2::float8)) END END AS p
FROM learner JOIN silent USING (position) JOIN target USING (position)
  LEFT JOIN exams USING (position) LEFT JOIN ability USING (position)
ORDER BY position`,
    values: [
      learners.map(({ userId }) => userId),
      learners.map(({ studentId }) => studentId),
      learners.map(({ asOf }) => formatInstant(asOf)),
      profile,
      HORIZON_DAYS,
      DEFAULT_TARGET,
      days.map(formatInstant),
    ],
  });
  return rows.map(({ p, s }, index) => {
    const answers = ofAnswers[index];
    return { I_t: answers?.i, E_t: answers?.e, R_t: answers?.r, A_t: answers?.a, P: p, S: s } as Figures;
  });
}

/** The day of the weekly row: the as-of's date, or the week's Sunday in the legacy profile. */
function dayOf(asOf: Instant, profile: MetricsProfile): Instant {
  return profile === 'legacy' ? startOfIsoWeek(asOf) + 6n * MICROS_PER_DAY : startOfDay(asOf);
}

function byTypeScript(profile: MetricsProfile, changes: Partial<FigureOptions> = {}) {
  const options: FigureOptions = {
    policy: metricsPolicy(profile),
    sources: SOURCES,
    attemptSource: 'topic',
    targetFrom: 'interest_goal',
    defaultTarget: DEFAULT_TARGET,
    churnHorizonDays: HORIZON_DAYS,
    useBayesian: false,
    useIrtTheta: false,
    ...changes,
  };
  return computeFigures({ source: db.database, database: db.database, options }, learners, FIGURES);
}

describe.each([
  ['standard', false],
  ['standard', true],
  ['legacy', false],
  ['legacy', true],
] as const)('the figures of 2,000 generated learners, %s, with fitted abilities: %s', (profile, useIrtTheta) => {
  it('equal those computed in SQL, to 1e-9', async () => {
    const [expected, actual] = [await bySql(profile, useIrtTheta), await byTypeScript(profile, { useIrtTheta })];
    expect(actual).toHaveLength(2_000);
    const differing = learners.flatMap(({ userId }, index) =>
      FIGURES.flatMap((name) => {
        const [want, have] = [expected[index]?.[name], actual[index]?.figures[name]];
        return isSame(want, have) ? [] : [`${name} of ${userId}: SQL ${want}, TypeScript ${have}`];
      }),
    );
    expect(differing).toEqual([]);
  });

  it('include null and many distinct values for every figure', async () => {
    const figures = await byTypeScript(profile, { useIrtTheta });
    for (const name of FIGURES) {
      const values = figures.map((each) => each.figures[name]);
      expect(values.filter((value) => value === null).length, `${name} null`).toBeGreaterThan(20);
      expect(new Set(values).size, `${name} distinct`).toBeGreaterThan(60);
    }
  });
});

/** P from the learner's line, by inverting the 2 by 2 precision matrix of the posterior; null without an observation. */
async function lineBySql(): Promise<readonly (number | null)[]> {
  const { rows } = await db.database.query<{ p: number | null }>({
    text: `
WITH learner AS (
  SELECT position, user_id, as_of FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS l (user_id, as_of, position)
), row AS (
  SELECT position, as_of, mean AS y, 1 / (sd ^ 2 + 0.5 ^ 2) AS precision, coalesce(fitted_at, updated_at, created_at) AS at
  FROM learner JOIN ability_estimates USING (user_id)
  WHERE mean::text NOT IN ('NaN', 'Infinity', '-Infinity') AND sd::text NOT IN ('NaN', 'Infinity') AND sd > 0
), observation AS (
  SELECT *, date_trunc('week', min(at) OVER (PARTITION BY position), 'UTC') AS monday
  FROM row WHERE at BETWEEN as_of - interval '182 days' AND as_of
), week AS (
  SELECT *, extract(epoch FROM at - monday)::float8 / 604800 AS w,
    extract(epoch FROM as_of - monday)::float8 / 604800 + $3 / 7.0::float8 AS t
  FROM observation
), system AS (
  SELECT position, t, 1 / 0.75 ^ 2 + sum(precision) AS a, sum(w * precision) AS b, 1 / 0.1 ^ 2 + sum(w ^ 2 * precision) AS c,
    0.25 / 0.75 ^ 2 + sum(y * precision) AS u, 0.05 / 0.1 ^ 2 + sum(w * y * precision) AS v
  FROM week GROUP BY position, t
), line AS (
  SELECT position, ((c * u - b * v) + t * (a * v - b * u)) / (a * c - b ^ 2) AS mean,
    sqrt((c - 2 * t * b + t ^ 2 * a) / (a * c - b ^ 2)) AS sd
  FROM system
)
SELECT 0.5 * erfc(($4 - mean) / sd / sqrt(2::float8)) AS p FROM learner LEFT JOIN line USING (position) ORDER BY position`,
    values: [
      learners.map(({ userId }) => userId),
      learners.map(({ asOf }) => formatInstant(asOf)),
      HORIZON_DAYS,
      DEFAULT_TARGET,
    ],
  });
  return rows.map(({ p }) => p);
}

describe('P of 2,000 generated learners by the growth model', () => {
  it('equals that computed in SQL, to 1e-9', async () => {
    const posterior_summary = {
      b_Intercept: 0.25,
      b_week: { Estimate: 0.05, 'Est.Error': 0.01 },
      sd_student__Intercept: 0.75,
      sd_student__week: { Estimate: 0.1 },
      sigma: 0.5,
    };
    await insertRows(db.database, 'growth_brms_meta', [{ run_id: 'r', posterior_summary, fitted_at: '2026-03-01Z' }]);
    const expected = await lineBySql();
    const actual = await byTypeScript('standard', { useBayesian: true, targetFrom: 'default' });
    const normal = await byTypeScript('standard', { targetFrom: 'default' });
    const differing = learners.flatMap(({ userId }, index) => {
      const [want, have] = [expected[index] ?? normal[index]?.figures.P, actual[index]?.figures.P];
      return isSame(want, have) ? [] : [`P of ${userId}: SQL ${want}, TypeScript ${have}`];
    });
    expect(differing).toEqual([]);
    expect(expected.filter((p) => p !== null).length).toBeGreaterThan(500);
  });
});

function isSame(want: number | null | undefined, have: number | null | undefined): boolean {
  if (typeof want !== 'number' || typeof have !== 'number') return want === have && want === null;
  return Math.abs(want - have) < 1e-9;
}
