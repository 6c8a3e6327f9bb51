import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY } from '../../../src/activity/instant.ts';
import { type GoalFigure, probabilityInterval } from '../../../src/kpi/figures/goal-probability.ts';
import { at } from './answers.ts';

const AS_OF = at('2026-03-16T05:00:00Z');
const row = (when: string, mean: number, sd = 0.8) => ({ at: at(when), mean, sd });
const THREE = [row('2026-02-20', 0.1), row('2026-03-01', 0.9), row('2026-03-10', 0.5)];
const inputs = { asOf: AS_OF, target: 0, ability: { mean: 0.5, sd: 0.8 }, observations: THREE };
// Φ(0.625)
const NORMAL: GoalFigure = { p: 0.734014470951299, rule: 'normal', posterior: null };

describe('the interval of P', () => {
  it('moves the ability by the spread of the learner’s rows', () => {
    // Means 0.1, 0.9 and 0.5: standard deviation 0.4. Φ((0.5 ∓ 1.6448536…·0.4)/0.8), by long arithmetic
    expect(probabilityInterval(NORMAL, inputs)).toEqual({
      low: expect.closeTo(0.421746774205687, 12),
      high: expect.closeTo(0.926111289772227, 12),
      insufficientData: false,
    });
  });

  it('moves the ability by the row’s own sd if there is no second row', () => {
    // Φ(0.625 ∓ 1.6448536…), by long arithmetic
    const expected = {
      low: expect.closeTo(0.1538989426905502, 12),
      high: expect.closeTo(0.9883917672271074, 12),
      insufficientData: true,
    };
    expect(probabilityInterval(NORMAL, { ...inputs, observations: [] })).toEqual(expected);
    expect(probabilityInterval(NORMAL, { ...inputs, observations: THREE.slice(2) })).toEqual(expected);
  });

  it('is P itself if all rows agree', () => {
    const observations = THREE.map((each) => ({ ...each, mean: 0.5 }));
    const interval = probabilityInterval(NORMAL, { ...inputs, observations });
    expect(interval?.low).toBeCloseTo(0.734014470951299, 12);
    expect(interval?.high).toBeCloseTo(0.734014470951299, 12);
  });

  it('moves the line by its own sd if P is read from it', () => {
    // Φ(1 ∓ 1.6448536…) of a line one deviation above the target: Φ(−0.6448536…) and Φ(2.6448536…)
    const line: GoalFigure = { p: 0.841344746068543, rule: 'line', posterior: { mean: 0.5, sd: 0.5 } };
    expect(probabilityInterval(line, inputs)).toEqual({
      low: expect.closeTo(0.2595110228414442, 12),
      high: expect.closeTo(0.9959136869399668, 12),
      insufficientData: false,
    });
  });

  it('is P itself for a line without uncertainty', () => {
    const line: GoalFigure = { p: 1, rule: 'line', posterior: { mean: 0, sd: 0 } };
    expect(probabilityInterval(line, inputs)).toMatchObject({ low: 1, high: 1 });
  });

  it('includes a stored or predicted P, and is [0, 1] without a usable row', () => {
    const predicted: GoalFigure = { p: 0.99, rule: 'predicted', posterior: null };
    expect(probabilityInterval(predicted, inputs)).toMatchObject({
      low: expect.closeTo(0.42174677420569, 12),
      high: 0.99,
    });
    const stored: GoalFigure = { p: 0.3, rule: 'stored', posterior: null };
    for (const ability of [null, { mean: null, sd: 1 }, { mean: 1, sd: null }, { mean: 1, sd: 0 }]) {
      expect(probabilityInterval(stored, { ...inputs, ability, observations: [] })).toEqual({
        low: 0,
        high: 1,
        insufficientData: true,
      });
    }
  });

  it('is null if P is null', () => {
    expect(probabilityInterval({ p: null, rule: 'normal', posterior: null }, inputs)).toBeNull();
  });

  it('has insufficient data if fewer than three instants of the last 26 weeks have a usable row', () => {
    const marked = (observations: typeof THREE) =>
      probabilityInterval(NORMAL, { ...inputs, observations })?.insufficientData;
    expect(marked(THREE)).toBe(false);
    expect(marked(THREE.slice(1))).toBe(true);
    expect(marked([...THREE.slice(1), row('2026-03-01', 0.2)])).toBe(true);
    expect(marked([...THREE.slice(1), row('2026-03-02', 0.2, 0)])).toBe(true);
    expect(marked([...THREE.slice(1), row('2026-03-16T05:00:00.000001Z', 0.2)])).toBe(true);
    expect(marked([...THREE.slice(1), row('2025-09-15T04:59:59.999999Z', 0.2)])).toBe(true);
    expect(marked([...THREE.slice(1), row('2025-09-15T05:00:00Z', 0.2)])).toBe(false);
  });

  it('includes P within 0 and 1, in any order of rows', () => {
    const rows = fc.array(
      fc.record({
        at: fc.bigInt({ min: -200n * MICROS_PER_DAY, max: MICROS_PER_DAY }).map((offset) => AS_OF + offset),
        mean: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        sd: fc.double({ min: -1, max: 1e3, noNaN: true }),
      }),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(rows, fc.double({ min: 0, max: 1, noNaN: true }), (observations, p) => {
        const figure: GoalFigure = { p, rule: 'stored', posterior: null };
        const interval = probabilityInterval(figure, { ...inputs, observations });
        const reversed = probabilityInterval(figure, { ...inputs, observations: observations.toReversed() });
        expect(interval?.low).toBeGreaterThanOrEqual(0);
        expect(interval?.low).toBeLessThanOrEqual(p);
        expect(interval?.high).toBeGreaterThanOrEqual(p);
        expect(interval?.high).toBeLessThanOrEqual(1);
        expect(reversed?.low).toBeCloseTo(interval?.low ?? Number.NaN, 9);
        expect(reversed?.insufficientData).toBe(interval?.insufficientData);
      }),
    );
  });
});
