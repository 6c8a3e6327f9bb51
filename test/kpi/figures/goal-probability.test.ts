import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goalProbability } from '../../../src/kpi/figures/goal-probability.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');

const ability = fc.record({
  mean: fc.double({ min: -10, max: 10, noNaN: true }),
  sd: fc.double({ min: 1e-3, max: 10, noNaN: true }),
});
const target = fc.double({ min: -10, max: 10, noNaN: true });

describe('P', () => {
  it('is Φ(0.625) for mean 0.5, sd 0.8 and target 0', () => {
    // z = (0 − 0.5) / 0.8 = −0.625; 1 − Φ(−0.625) = Φ(0.625)
    expect(goalProbability({ mean: 0.5, sd: 0.8 }, 0, standard)).toBeCloseTo(0.734014470951299, 12);
  });

  it.each([
    // Φ from tables: Φ(1), Φ(1.959963984540054) and Φ(−3)
    [1, 0.841344746068543],
    [1.959963984540054, 0.975],
    [-3, 0.00134989803163009],
    [0, 0.5],
  ])('is Φ(%d) for an ability that many deviations above the target', (deviations, expected) => {
    expect(goalProbability({ mean: 2 + deviations * 0.25, sd: 0.25 }, 2, standard)).toBeCloseTo(expected, 12);
  });

  it.each([
    ['no row', null],
    ['a null mean', { mean: null, sd: 1 }],
    ['a null sd', { mean: 0, sd: null }],
    ['an sd of 0', { mean: 0, sd: 0 }],
    ['an sd below 0', { mean: 0, sd: -1 }],
    ['an sd that is no number', { mean: 0, sd: Number.NaN }],
    ['a mean that is no number', { mean: Number.NaN, sd: 1 }],
  ])('is null with %s, in both profiles', (_, row) => {
    expect(goalProbability(row, 0, standard)).toBeNull();
    expect(goalProbability(row, 0, legacy)).toBeNull();
  });

  it('is null with an infinite mean or sd, unless the policy takes the newest row as it is', () => {
    expect(goalProbability({ mean: Number.POSITIVE_INFINITY, sd: 1 }, 0, standard)).toBeNull();
    expect(goalProbability({ mean: 0, sd: Number.POSITIVE_INFINITY }, 0, standard)).toBeNull();
    expect(goalProbability({ mean: Number.POSITIVE_INFINITY, sd: 1 }, 0, legacy)).toBe(1);
    expect(goalProbability({ mean: 3, sd: Number.POSITIVE_INFINITY }, 0, legacy)).toBe(0.5);
  });

  it('stays within 0 and 1 at the limits of doubles', () => {
    expect(goalProbability({ mean: 1e308, sd: 5e-324 }, -1e308, standard)).toBe(1);
    expect(goalProbability({ mean: -1e308, sd: 5e-324 }, 1e308, standard)).toBe(0);
  });

  it('is within 0 and 1', () => {
    fc.assert(
      fc.property(ability, target, (row, level) => {
        const p = goalProbability(row, level, standard) ?? Number.NaN;
        expect(p).toBeGreaterThanOrEqual(0);
        expect(p).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('falls as the target grows', () => {
    fc.assert(
      fc.property(ability, target, fc.double({ min: 0, max: 5, noNaN: true }), (row, level, more) => {
        const lower = goalProbability(row, level, standard) ?? Number.NaN;
        const higher = goalProbability(row, level + more, standard) ?? Number.NaN;
        // Φ is exact to a few units in the last place, which may fall either way.
        expect(higher).toBeLessThanOrEqual(lower + 1e-15);
        // Outside the tails the difference is large enough for doubles.
        if (more / row.sd > 1e-3 && Math.abs(level - row.mean) < 3 * row.sd) expect(higher).toBeLessThan(lower);
      }),
    );
  });

  it('adds up to 1 with the probability of missing the goal', () => {
    fc.assert(
      fc.property(ability, target, (row, level) => {
        const p = goalProbability(row, level, standard) ?? Number.NaN;
        const mirrored = goalProbability({ mean: -row.mean, sd: row.sd }, -level, standard) ?? Number.NaN;
        expect(p + mirrored).toBeCloseTo(1, 12);
      }),
    );
  });

  it('is the same in both profiles for a usable row', () => {
    fc.assert(
      fc.property(ability, target, (row, level) => {
        expect(goalProbability(row, level, legacy)).toBe(goalProbability(row, level, standard));
      }),
    );
  });
});
