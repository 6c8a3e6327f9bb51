import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY } from '../../../src/activity/instant.ts';
import {
  chanceAtOrAbove,
  type GoalInputs,
  type GrowthInputs,
  goalFigure,
  predictionQuestion,
} from '../../../src/kpi/figures/goal-probability.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { at } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const AS_OF = at('2026-03-16');
const FIT = { b_Intercept: 0, b_week: 0.1, sd_student__Intercept: 1, sd_student__week: 0.1, sigma: 0.5 };

const growth = (more: Partial<GrowthInputs> = {}): GrowthInputs => ({
  posteriorSummary: JSON.stringify(FIT),
  storedP: null,
  newestWithMean: { mean: 1, sd: 0.5 },
  predicted: null,
  horizonDays: 14,
  ...more,
});
const inputs = (more: Partial<GoalInputs> = {}): GoalInputs => ({
  asOf: AS_OF,
  target: 1,
  ability: { mean: 1, sd: 0.5 },
  observations: [{ at: at('2026-03-02'), mean: 1, sd: 0.5 }],
  growth: growth(),
  ...more,
});

describe('P without a growth model', () => {
  it('comes from the normal rule only', () => {
    // Φ((0.5 − 0)/0.8) = Φ(0.625)
    const normal = inputs({ ability: { mean: 0.5, sd: 0.8 }, target: 0, growth: null });
    for (const policy of [standard, legacy]) {
      expect(goalFigure(normal, policy)).toEqual({
        p: expect.closeTo(0.734014470951299, 12),
        rule: 'normal',
        posterior: null,
      });
    }
    expect(goalFigure({ ...normal, ability: null }, standard).p).toBeNull();
  });
});

describe('P by the growth model', () => {
  it('is the probability that the learner’s line is at or above the target', () => {
    // N(2/3 + 0.4, 1/3 + 0.16) at week 4: Φ((1.0666… − 1)/0.7023769…), by long arithmetic
    const figure = goalFigure(inputs(), standard);
    expect(figure.rule).toBe('line');
    expect(figure.p).toBeCloseTo(0.5378091465343946, 12);
    expect(figure.posterior).toEqual({ mean: expect.closeTo(16 / 15, 12), sd: expect.closeTo(0.7023769168568493, 12) });
  });

  it('needs no ability row of the normal rule, only observations', () => {
    expect(goalFigure(inputs({ ability: null }), standard).p).toBeCloseTo(0.5378091465343946, 12);
  });

  it('is low for two observations and a high target', () => {
    // N(840/524, 156/524): 1 − Φ((3 − 1.603…)/0.5456…), by long arithmetic
    const observations = [
      { at: at('2026-03-02'), mean: 1, sd: 0.5 },
      { at: at('2026-03-16'), mean: 2, sd: 0.5 },
    ];
    expect(goalFigure(inputs({ observations, target: 3 }), standard).p).toBeCloseTo(0.005229776717797, 12);
  });

  it('is the prediction of the service, if there is a fit and that is a probability', () => {
    expect(goalFigure(inputs({ growth: growth({ predicted: 0.42 }) }), standard)).toEqual({
      p: 0.42,
      rule: 'predicted',
      posterior: null,
    });
    expect(goalFigure(inputs({ growth: growth({ predicted: 0.42 }) }), legacy).p).toBe(0.42);
    for (const predicted of [Number.NaN, -0.1, 1.1, Number.POSITIVE_INFINITY]) {
      expect(goalFigure(inputs({ growth: growth({ predicted }) }), standard).rule).toBe('line');
    }
    const withoutFit = growth({ predicted: 0.42, posteriorSummary: null });
    expect(goalFigure(inputs({ growth: withoutFit }), standard).rule).toBe('normal');
  });

  it('comes from the normal rule without a fit, a parameter or an observation', () => {
    // mean 1 against target 1: 0.5
    const normal = { p: 0.5, rule: 'normal', posterior: null };
    expect(goalFigure(inputs({ growth: growth({ posteriorSummary: null }) }), standard)).toEqual(normal);
    const withoutSigma = JSON.stringify({ ...FIT, sigma: null });
    expect(goalFigure(inputs({ growth: growth({ posteriorSummary: withoutSigma }) }), standard)).toEqual(normal);
    expect(goalFigure(inputs({ observations: [] }), standard)).toEqual(normal);
    expect(goalFigure(inputs({ observations: [], ability: null }), standard).p).toBeNull();
  });

  it('is 1 or 0 for a line without uncertainty', () => {
    const sure = JSON.stringify({ ...FIT, sd_student__Intercept: 0, sd_student__week: 0, b_week: 0 });
    const p = (target: number) =>
      goalFigure(inputs({ target, growth: growth({ posteriorSummary: sure }) }), standard).p;
    expect([p(-0.1), p(0), p(0.1)]).toEqual([1, 1, 0]);
  });

  it('ignores a stored P', () => {
    expect(goalFigure(inputs({ growth: growth({ storedP: '0.9' }) }), standard).rule).toBe('line');
  });
});

describe('P by the growth model in the legacy profile', () => {
  it.each([
    ['0.25', 0.25],
    [' 0.25 ', 0.25],
    ['1e-1', 0.1],
    ['7', 1],
    ['-3', 0],
  ])('is the stored P %s as a number, clamped, before all other rules', (storedP, p) => {
    const stored = growth({ storedP, predicted: 0.42 });
    expect(goalFigure(inputs({ growth: stored }), legacy)).toEqual({ p, rule: 'stored', posterior: null });
  });

  it.each(['NaN', ' nan '])('is 1 for a stored P of %j, as in the previous job', (storedP) => {
    expect(goalFigure(inputs({ growth: growth({ storedP }) }), legacy)).toMatchObject({ p: 1, rule: 'stored' });
  });

  it.each(['Infinity', 'true', '', 'high', '{"p": 1}', '[0.5]'])('ignores the stored P %j', (storedP) => {
    expect(goalFigure(inputs({ growth: growth({ storedP }) }), legacy).rule).toBe('newest_row');
  });

  const withMean = (newestWithMean: GrowthInputs['newestWithMean'], target: number) =>
    goalFigure(inputs({ ability: null, target, growth: growth({ newestWithMean }) }), legacy);

  it('comes from the newest row with a mean, if there is a fit', () => {
    // z = (0 − 0.5)/0.8
    expect(withMean({ mean: 0.5, sd: 0.8 }, 0)).toEqual({
      p: expect.closeTo(0.734014470951299, 12),
      rule: 'newest_row',
      posterior: null,
    });
    expect(withMean(null, 0)).toEqual({ p: null, rule: 'newest_row', posterior: null });
  });

  it.each([1e-9, 0, -1, null, Number.NaN])('takes an sd of %s as 1e-6', (sd) => {
    // Φ(−5e-7/1e-6) = Φ(−0.5)
    expect(withMean({ mean: 0, sd }, 5e-7).p).toBeCloseTo(0.3085375387259869, 12);
  });

  it('has no least sd without a fit', () => {
    const narrow = { ability: { mean: 0, sd: 1e-9 }, target: 5e-7, growth: growth({ posteriorSummary: null }) };
    expect(goalFigure(inputs(narrow), legacy)).toEqual({ p: 0, rule: 'normal', posterior: null });
  });

  it.each(['null', '{}', '[]'])('comes from the normal rule if the posterior is %s', (posteriorSummary) => {
    expect(goalFigure(inputs({ growth: growth({ posteriorSummary }) }), legacy).rule).toBe('normal');
  });

  it('needs no parameter of the fit', () => {
    const posteriorSummary = '{"b_week": 0.1}';
    expect(goalFigure(inputs({ growth: growth({ posteriorSummary }) }), legacy).rule).toBe('newest_row');
  });
});

describe('what the growth service is asked', () => {
  it('is the chosen row and the target', () => {
    expect(predictionQuestion(inputs(), standard)).toEqual({ mean: 1, sd: 0.5, target: 1 });
    expect(predictionQuestion(inputs(), legacy)).toEqual({ mean: 1, sd: 0.5, target: 1 });
  });

  it('is null if the answer would not be used, or no row is usable', () => {
    expect(predictionQuestion(inputs({ growth: null }), standard)).toBeNull();
    expect(predictionQuestion(inputs({ growth: growth({ posteriorSummary: null }) }), standard)).toBeNull();
    expect(predictionQuestion(inputs({ growth: growth({ storedP: '0.5' }) }), legacy)).toBeNull();
    expect(predictionQuestion(inputs({ growth: growth({ storedP: '0.5' }) }), standard)).not.toBeNull();
    for (const ability of [null, { mean: null, sd: 1 }, { mean: 1, sd: null }, { mean: 1, sd: 0 }]) {
      expect(predictionQuestion(inputs({ ability }), standard)).toBeNull();
    }
    expect(predictionQuestion(inputs({ ability: { mean: Number.NaN, sd: 1 } }), standard)).toBeNull();
  });
});

describe('Φ', () => {
  it.each([
    // Abramowitz and Stegun, table 26.1
    [0, 0.5],
    [0.1, 0.539827837277029],
    [0.25, 0.598706325682924],
    [0.5, 0.691462461274013],
    [1, 0.841344746068543],
    [1.2, 0.884930329778292],
    [1.28, 0.899727432045558],
    [2, 0.977249868051821],
    [3, 0.99865010196837],
    [4, 0.999968328758167],
    [5, 0.999999713348428],
  ])('has the value of the tables at %d and at its opposite', (z, expected) => {
    expect(chanceAtOrAbove(0, { mean: z, sd: 1 })).toBeCloseTo(expected, 12);
    expect(chanceAtOrAbove(0, { mean: -z, sd: 1 })).toBeCloseTo(1 - expected, 12);
  });
});

describe('P in any mode', () => {
  const learner = fc.record({
    asOf: fc.constant(AS_OF),
    target: fc.double({ min: -5, max: 5, noNaN: true }),
    ability: fc.option(
      fc.record({
        mean: fc.double({ min: -5, max: 5, noNaN: true }),
        sd: fc.double({ min: 1e-9, max: 5, noNaN: true }),
      }),
    ),
    observations: fc.array(
      fc.record({
        at: fc.bigInt({ min: -200n * MICROS_PER_DAY, max: MICROS_PER_DAY }).map((offset) => AS_OF + offset),
        mean: fc.double({ min: -5, max: 5, noNaN: true }),
        sd: fc.double({ min: 0.01, max: 5, noNaN: true }),
      }),
      { maxLength: 10 },
    ),
    growth: fc.option(
      fc.record({
        posteriorSummary: fc.option(fc.constant(JSON.stringify(FIT))),
        storedP: fc.constantFrom(null, '0.5', '-1', 'NaN'),
        newestWithMean: fc.option(
          fc.record({
            mean: fc.double({ min: -5, max: 5, noNaN: true }),
            sd: fc.option(fc.double({ min: -1, max: 5 })),
          }),
        ),
        predicted: fc.option(fc.double()),
        horizonDays: fc.integer({ min: -14, max: 90 }),
      }),
    ),
  });
  const policies = fc.constantFrom(standard, legacy);

  it('is within 0 and 1', () => {
    fc.assert(
      fc.property(learner, policies, (each, policy) => {
        const { p } = goalFigure(each, policy);
        if (p === null) return;
        expect(p).toBeGreaterThanOrEqual(0);
        expect(p).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('never grows with the target', () => {
    fc.assert(
      fc.property(learner, policies, fc.double({ min: 0, max: 5, noNaN: true }), (each, policy, more) => {
        const { p } = goalFigure(each, policy);
        // Φ is exact to a few units in the last place, which may fall either way.
        if (p !== null)
          expect(goalFigure({ ...each, target: each.target + more }, policy).p).toBeLessThanOrEqual(p + 1e-15);
      }),
    );
  });
});
