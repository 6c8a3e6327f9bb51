import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { improvement, type WindowThetas } from '../../../src/kpi/figures/answer-figures.ts';
import type { Attempt } from '../../../src/kpi/figures/attempt.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { answer, answers, DAY, expectSameInAnyOrder, shuffled } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const iT = (attempts: readonly Attempt[], policy = standard) => improvement(attempts, DAY, policy);
const NONE: WindowThetas = { newest: null, topics: [] };

describe('I_t', () => {
  const previous = answers('2026-02-20T10:00:00Z', 20, 10);

  it('is 0.1672… for 21 of 30 recent answers correct after 10 of 20', () => {
    // (0.7 − 0.5) · 1 · (1 − 1.96·sqrt(0.7·0.3/30)) = 0.2 · (1 − 0.163985365…), to 18 places by long arithmetic
    const attempts = [...previous, ...answers('2026-03-10T10:00:00Z', 30, 21)];
    expect(iT(attempts)).toBeCloseTo(0.1672029269598642, 12);
    expect(iT(attempts, legacy)).toBeCloseTo(0.1672029269598642, 12);
  });

  it('is damped by few answers, and by at most half for their spread', () => {
    // n = 3 of 30, all correct: p(1−p) = 0, so (1 − 0.5)·0.1·1
    expect(iT([...previous, ...answers('2026-03-10T10:00:00Z', 3, 3)])).toBeCloseTo(0.05, 12);
    // n = 2, p = 0.5: 1.96·sqrt(0.125) = 0.69… counts as 0.5; p_prev = 0 of 1: 0.5·(2/30)·0.5
    const attempts = [...answers('2026-02-20', 1, 0), ...answers('2026-03-10', 2, 1)];
    expect(iT(attempts)).toBeCloseTo(1 / 60, 12);
  });

  it('is below 0 if fewer are correct, down to −1', () => {
    expect(iT([...answers('2026-02-20', 1, 1), ...answers('2026-03-10', 30, 0)])).toBe(-1);
    expect(iT([...answers('2026-02-20', 1, 0), ...answers('2026-03-10', 60, 60)])).toBe(1);
  });

  it('is null if a window has no answer of known correctness', () => {
    expect(iT([])).toBeNull();
    expect(iT(previous)).toBeNull();
    expect(iT(answers('2026-03-10', 5, 5))).toBeNull();
    expect(iT([...previous, answer('2026-03-10', { correct: null })])).toBeNull();
    expect(iT([answer('2026-02-20', { correct: null }), ...answers('2026-03-10', 5, 5)])).toBeNull();
  });

  it('leaves answers of unknown correctness out of both shares', () => {
    const known = [...previous, ...answers('2026-03-10', 10, 7)];
    const unknown = [answer('2026-02-20', { correct: null }), answer('2026-03-10', { correct: null })];
    expect(iT([...known, ...unknown])).toBe(iT(known));
  });

  describe('at the edges of its windows', () => {
    // With one wrong answer before and one correct after: (1 − 0)·(1/30)·1
    const rise = 1 / 30;
    const pair = (before: string, after: string) => [answer(before, { correct: false }), answer(after)];

    it.each([
      ['2026-02-17T00:00:00.000000Z', '2026-03-03T00:00:00.000000Z'],
      ['2026-03-02T23:59:59.999999Z', '2026-03-16T23:59:59.999999Z'],
    ])('takes %s for previous and %s for recent', (before, after) => {
      expect(iT(pair(before, after))).toBeCloseTo(rise, 12);
    });

    it.each([
      ['2026-02-16T23:59:59.999999Z', '2026-03-03T00:00:00.000000Z'],
      ['2026-03-02T23:59:59.999999Z', '2026-03-17T00:00:00.000000Z'],
      // both recent, both previous
      ['2026-03-03T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z'],
      ['2026-02-17T00:00:00.000000Z', '2026-03-02T23:59:59.999999Z'],
    ])('has no pair in %s and %s', (before, after) => {
      expect(iT(pair(before, after))).toBeNull();
    });

    it.each([
      ['2026-02-17T23:59:59.000000Z', '2026-03-03T23:59:59.000000Z'],
      ['2026-03-02T23:59:59.000000Z', '2026-03-16T23:59:59.000000Z'],
    ])('in the legacy profile takes %s for previous and %s for recent', (before, after) => {
      expect(iT(pair(before, after), legacy)).toBeCloseTo(rise, 12);
    });

    it.each([
      ['2026-02-17T23:59:58.999999Z', '2026-03-03T23:59:59.000000Z'],
      ['2026-03-02T23:59:59.000001Z', '2026-03-16T23:59:59.000000Z'],
      ['2026-03-02T23:59:59.000000Z', '2026-03-03T23:59:58.999999Z'],
      ['2026-03-02T23:59:59.000000Z', '2026-03-16T23:59:59.000001Z'],
      ['2026-03-02T23:59:59.000000Z', '2026-03-03T00:00:00.000000Z'],
    ])('in the legacy profile has no pair in %s and %s', (before, after) => {
      expect(iT(pair(before, after), legacy)).toBeNull();
    });
  });

  describe('from thetas', () => {
    const attempts = [...previous, ...answers('2026-03-10', 15, 6)];
    const byTheta = (recent: WindowThetas, before: WindowThetas, rows = attempts) =>
      improvement(rows, DAY, standard, { recent, previous: before });
    const theta = (value: number, se: number | null = null): WindowThetas => ({
      newest: { theta: value, se },
      topics: [{ theta: 100, se: 0.1 }],
    });

    it('is the difference of thetas, damped by the number of answers and the standard error', () => {
      // (0.9 − 0.3) · 15/30 · (1 − 1.96·0.1) = 0.3 · 0.804
      expect(byTheta(theta(0.9, 0.1), theta(0.3, 5))).toBeCloseTo(0.2412, 12);
      // 1.96·0.4 = 0.784 counts as 0.5
      expect(byTheta(theta(0.9, 0.4), theta(0.3))).toBeCloseTo(0.15, 12);
    });

    it('is not damped if the standard error is null, and stays within −1 and 1', () => {
      expect(byTheta(theta(0.9), theta(0.3))).toBeCloseTo(0.3, 12);
      expect(byTheta(theta(9), theta(0.3))).toBe(1);
      expect(byTheta(theta(-9), theta(0.3))).toBe(-1);
    });

    it('weighs topics by 1/se², and by 1 if that is unknown, without a newer ability', () => {
      // weights 4, 1 and 1: θ = (4·1 + 0.5 − 0.1)/6 = 4.4/6, se = 1/√6; 1.96/√6 = 0.80 counts as 0.5
      const topics = [
        { theta: 1, se: 0.5 },
        { theta: 0.5, se: null },
        { theta: -0.1, se: 0 },
      ];
      expect(byTheta({ newest: null, topics }, theta(0.2))).toBeCloseTo((4.4 / 6 - 0.2) * 0.5 * 0.5, 12);
      // weight 100 only: se = 0.1
      const sure = { newest: null, topics: [{ theta: 0.6, se: 0.1 }] };
      expect(byTheta(sure, theta(0.2))).toBeCloseTo(0.4 * 0.5 * 0.804, 12);
    });

    it('comes from answers if they are fewer than five, or a window has no numeric theta', () => {
      const four = [...previous, ...answers('2026-03-10', 4, 2)];
      expect(byTheta(theta(0.9), theta(0.3), four)).toBe(iT(four));
      expect(byTheta(theta(0.9), theta(0.3), [...four, answer('2026-03-10')])).toBeCloseTo(0.1, 12);
      expect(byTheta(NONE, theta(0.3))).toBe(iT(attempts));
      expect(byTheta(theta(0.9), NONE)).toBe(iT(attempts));
      expect(byTheta({ newest: { theta: Number.NaN, se: 1 }, topics: [] }, theta(0.3))).toBe(iT(attempts));
      expect(byTheta({ newest: null, topics: [{ theta: 1, se: 1e-200 }] }, theta(0.3))).toBe(iT(attempts));
    });

    it('is null if a window has no answer, with any thetas', () => {
      expect(byTheta(theta(0.9), theta(0.3), answers('2026-03-10', 10, 5))).toBeNull();
      expect(byTheta(theta(0.9), theta(0.3), previous)).toBeNull();
    });

    it('is within −1 and 1, in any order of topics', () => {
      const topic = fc.record({
        theta: fc.double({ noDefaultInfinity: false }),
        se: fc.option(fc.double({ min: -1, max: 1e3 })),
      });
      const window = fc.record({ newest: fc.constant(null), topics: fc.array(topic, { maxLength: 8 }) });
      fc.assert(
        fc.property(
          window.chain((each) => fc.tuple(fc.constant(each), shuffled(each.topics))),
          window,
          ([recent, topics], before) => {
            const figure = byTheta(recent, before) ?? Number.NaN;
            expect(figure).toBeGreaterThanOrEqual(-1);
            expect(figure).toBeLessThanOrEqual(1);
            const moderate = recent.topics.every(
              ({ theta, se }) => Math.abs(theta) < 1e3 && (se === null || se > 1e-3),
            );
            if (moderate) expect(byTheta({ newest: null, topics }, before)).toBeCloseTo(figure, 6);
          },
        ),
      );
    });
  });

  it('is within −1 and 1, and the same in any order of answers', () => {
    expectSameInAnyOrder(iT, -1);
  });
});
