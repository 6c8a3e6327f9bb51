import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_DAY, startOfIsoWeek } from '../../../src/activity/instant.ts';
import { observationWindow } from '../../../src/kpi/figures/figure.ts';
import { usableObservations } from '../../../src/kpi/figures/goal-probability.ts';
import {
  type GrowthParameters,
  growthParameters,
  lineAtHorizon as lineOfUsable,
  type Observation,
} from '../../../src/kpi/figures/growth-model.ts';
import { at, shuffled } from './answers.ts';

const AS_OF = at('2026-03-16T12:00:00Z');
const lineAtHorizon = (prior: GrowthParameters, rows: readonly Observation[], asOf: bigint, horizonDays: number) =>
  lineOfUsable(prior, usableObservations({ observations: rows, asOf }), asOf, horizonDays);
const PRIOR: GrowthParameters = { level: 0, weeklyGrowth: 0.1, sdLevel: 1, sdWeeklyGrowth: 0.1, sigma: 0.5 };
const observation = (when: string, mean: number, sd = 0.5): Observation => ({ at: at(when), mean, sd });

describe('a growth fit', () => {
  const fit = { b_Intercept: 0.5, b_week: 0.02, sd_student__Intercept: 1.5, sd_student__week: 0.03, sigma: 0.4 };
  const parameters = { level: 0.5, weeklyGrowth: 0.02, sdLevel: 1.5, sdWeeklyGrowth: 0.03, sigma: 0.4 };

  it('has parameters that are numbers or objects with an estimate', () => {
    expect(growthParameters(JSON.stringify(fit))).toEqual(parameters);
    const estimates = Object.fromEntries(
      Object.entries(fit).map(([name, value]) => [name, { Estimate: value, 'Est.Error': 9, Rhat: 1 }]),
    );
    expect(growthParameters(JSON.stringify(estimates))).toEqual(parameters);
    expect(growthParameters(JSON.stringify({ ...estimates, sigma: 0.4, other: null }))).toEqual(parameters);
  });

  it.each(Object.keys(fit))('does not exist without a finite %s', (name) => {
    for (const value of [undefined, null, '0.5', {}, { Estimate: null }, { Estimate: 'NaN' }, [0.5], true]) {
      expect(growthParameters(JSON.stringify({ ...fit, [name]: value }))).toBeNull();
    }
    const infinite = JSON.stringify({ ...fit, [name]: 123 }).replace('123', '1e400');
    expect(growthParameters(infinite)).toBeNull();
  });

  it.each(['sd_student__Intercept', 'sd_student__week', 'sigma'])(
    'does not exist with a %s below 0, but with 0',
    (name) => {
      expect(growthParameters(JSON.stringify({ ...fit, [name]: -0.1 }))).toBeNull();
      expect(growthParameters(JSON.stringify({ ...fit, [name]: 0 }))).not.toBeNull();
    },
  );

  it.each(['null', '[]', '1', '""', '{}', 'NaN', ''])('does not exist in %s', (json) => {
    expect(growthParameters(json)).toBeNull();
  });
});

describe('the line of a learner', () => {
  it('moves only its level with one observation at week 0', () => {
    // Variance 0.5² + 0.5² = 0.5, so the level is N((1/0.5)/(1 + 1/0.5), 1/(1 + 1/0.5)) = N(2/3, 1/3). Of Monday 03-02;
    // 14 days after Monday 03-16 is week 4: mean 2/3 + 4·0.1, variance 1/3 + 4²·0.1²
    const line = lineAtHorizon(PRIOR, [observation('2026-03-02', 1)], at('2026-03-16'), 14);
    expect(line?.mean).toBeCloseTo(2 / 3 + 0.4, 12);
    expect(line?.sd).toBeCloseTo(Math.sqrt(1 / 3 + 0.16), 12);
  });

  it('moves level and growth with two observations', () => {
    // Precisions: [[1 + 2·2, 2·2], [2·2, 100 + 2·4]] = [[5, 4], [4, 108]], det 524; pulls (6, 10 + 8) = (6, 18):
    // level (108·6 − 4·18)/524 = 576/524, growth (5·18 − 4·6)/524 = 66/524; at week 4 840/524,
    // variance (108 − 2·4·4 + 16·5)/524 = 156/524
    const rows = [observation('2026-03-02', 1), observation('2026-03-16', 2)];
    const line = lineAtHorizon(PRIOR, rows, at('2026-03-16'), 14);
    expect(line?.mean).toBeCloseTo(840 / 524, 12);
    expect(line?.sd).toBeCloseTo(Math.sqrt(156 / 524), 12);
  });

  it('counts weeks in fractions from the Monday of its earliest observation', () => {
    // A Thursday noon is 3.5 days, half a week, after its Monday. Level and growth of the prior are sure: the line is
    // 0.2·w, and a day after the as-of, a Monday two weeks on, w = 2 + 1/7.
    const sure = { level: 0, weeklyGrowth: 0.2, sdLevel: 0, sdWeeklyGrowth: 0, sigma: 1 };
    const line = lineAtHorizon(sure, [observation('2026-03-05T12:00:00Z', 7)], at('2026-03-16'), 1);
    expect(line).toEqual({ mean: expect.closeTo(0.2 * (2 + 1 / 7), 12), sd: 0 });
    // With sure growth and an unsure level, the residual is 7 − 0.2·0.5 and its weight 1/(1 + 1 + 0.25)
    const level = lineAtHorizon({ ...sure, sdLevel: 1 }, [observation('2026-03-05T12:00:00Z', 7)], at('2026-03-16'), 1);
    expect(level?.mean).toBeCloseTo(0.2 * (2 + 1 / 7) + 6.9 / 2.25, 12);
  });

  it('uses the observations of 26 weeks up to the as-of, both edges included', () => {
    const { from, through } = observationWindow(AS_OF);
    expect(formatInstant(from)).toBe('2025-09-15T12:00:00.000000Z');
    expect(through).toBe(AS_OF);
    const atEdge = (instant: bigint) => lineAtHorizon(PRIOR, [{ at: instant, mean: 1, sd: 1 }], AS_OF, 14);
    expect(atEdge(from)).not.toBeNull();
    expect(atEdge(through)).not.toBeNull();
    expect(atEdge(from - 1n)).toBeNull();
    expect(atEdge(through + 1n)).toBeNull();
  });

  it('ignores unusable rows, and is null without a usable one', () => {
    const bad = [
      observation('2026-03-01', Number.NaN),
      observation('2026-03-01', Number.POSITIVE_INFINITY),
      observation('2026-03-01', 1, 0),
      observation('2026-03-01', 1, -1),
      observation('2026-03-01', 1, Number.NaN),
      observation('2026-03-01', 1, Number.POSITIVE_INFINITY),
    ];
    expect(lineAtHorizon(PRIOR, bad, AS_OF, 14)).toBeNull();
    expect(lineAtHorizon(PRIOR, [], AS_OF, 14)).toBeNull();
    const good = observation('2026-03-09', 1);
    expect(lineAtHorizon(PRIOR, [...bad, good], AS_OF, 14)).toEqual(lineAtHorizon(PRIOR, [good], AS_OF, 14));
  });

  it('is null if a number overflows', () => {
    expect(lineAtHorizon({ ...PRIOR, sigma: 0 }, [observation('2026-03-09', 1, 1e-200)], AS_OF, 14)).toBeNull();
    expect(
      lineAtHorizon({ ...PRIOR, level: 1e308, weeklyGrowth: 1e308 }, [observation('2026-03-09', 1)], AS_OF, 14),
    ).toBe(null);
  });

  const parameters = fc.record({
    level: fc.double({ min: -3, max: 3, noNaN: true }),
    weeklyGrowth: fc.double({ min: -0.5, max: 0.5, noNaN: true }),
    sdLevel: fc.double({ min: 0.05, max: 3, noNaN: true }),
    sdWeeklyGrowth: fc.double({ min: 0.005, max: 0.5, noNaN: true }),
    sigma: fc.double({ min: 0, max: 2, noNaN: true }),
  });
  const rows = fc.array(
    fc.record({
      at: fc.bigInt({ min: -180n * MICROS_PER_DAY, max: 0n }).map((offset) => AS_OF + offset),
      mean: fc.double({ min: -4, max: 4, noNaN: true }),
      sd: fc.double({ min: 0.05, max: 2, noNaN: true }),
    }),
    { minLength: 1, maxLength: 12 },
  );

  it('equals the result of adding precisions and inverting their matrix', () => {
    fc.assert(
      fc.property(parameters, rows, fc.integer({ min: 0, max: 60 }), (prior, observations, horizonDays) => {
        const line = lineAtHorizon(prior, observations, AS_OF, horizonDays);
        const expected = byPrecision(prior, observations, horizonDays);
        expect(line?.mean).toBeCloseTo(expected.mean, 8);
        expect(line?.sd).toBeCloseTo(expected.sd, 8);
      }),
    );
  });

  it('does not depend on the order of the rows', () => {
    fc.assert(
      fc.property(
        parameters,
        rows.chain((each) => fc.tuple(fc.constant(each), shuffled(each))),
        (prior, [observations, mixed]) => {
          const line = lineAtHorizon(prior, observations, AS_OF, 14);
          const other = lineAtHorizon(prior, mixed, AS_OF, 14);
          expect(other?.mean).toBeCloseTo(line?.mean ?? Number.NaN, 10);
          expect(other?.sd).toBeCloseTo(line?.sd ?? Number.NaN, 10);
        },
      ),
    );
  });

  it('never gets less certain with one more observation after the first', () => {
    const later = fc.record({
      back: fc.integer({ min: 0, max: 3 }),
      mean: fc.double({ min: -4, max: 4, noNaN: true }),
    });
    fc.assert(
      fc.property(parameters, rows, later, (prior, observations, { back, mean }) => {
        // A line's weeks are counted from its earliest row, so the added one must not be earlier.
        const first = { at: AS_OF - 181n * MICROS_PER_DAY, mean: 0, sd: 1 };
        const added = { at: AS_OF - BigInt(back) * MICROS_PER_DAY, mean, sd: 0.5 };
        const before = lineAtHorizon(prior, [first, ...observations], AS_OF, 14)?.sd ?? Number.NaN;
        const after = lineAtHorizon(prior, [first, ...observations, added], AS_OF, 14)?.sd;
        expect(after).toBeLessThanOrEqual(before * (1 + 1e-12));
      }),
    );
  });

  function byPrecision(prior: GrowthParameters, observations: readonly Observation[], horizonDays: number) {
    const monday = startOfIsoWeek(observations.map(({ at: when }) => when).reduce((a, b) => (a < b ? a : b)));
    const weeks = (when: bigint) => Number(when - monday) / Number(7n * MICROS_PER_DAY);
    let [a, b, c] = [1 / prior.sdLevel ** 2, 0, 1 / prior.sdWeeklyGrowth ** 2];
    let [x, y] = [prior.level * a, prior.weeklyGrowth * c];
    for (const { at: when, mean, sd } of observations) {
      const w = weeks(when);
      const precision = 1 / (sd ** 2 + prior.sigma ** 2);
      a += precision;
      b += w * precision;
      c += w * w * precision;
      x += mean * precision;
      y += w * mean * precision;
    }
    const det = a * c - b * b;
    const t = weeks(AS_OF) + horizonDays / 7;
    return {
      mean: (c * x - b * y) / det + (t * (a * y - b * x)) / det,
      sd: Math.sqrt((c - 2 * t * b + t * t * a) / det),
    };
  }
});
