import { describe, expect, it } from 'vitest';
import { timeEfficiency } from '../../../src/kpi/figures/answer-figures.ts';
import type { Attempt } from '../../../src/kpi/figures/attempt.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { answer, DAY, expectSameInAnyOrder } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const eT = (attempts: readonly Attempt[], policy = standard) => timeEfficiency(attempts, DAY, policy);
const times = (when: string, ...ms: (number | null)[]) => ms.map((timeMs) => answer(when, { timeMs }));
const BEFORE = '2026-02-01';
const NOW = '2026-03-10';

describe('E_t', () => {
  it('is the share by which the median time of correct answers fell', () => {
    // medians 40,000 of three and (20,000 + 40,000)/2 of four: (40 − 30)/40
    const attempts = [...times(BEFORE, 90_000, 10_000, 40_000), ...times(NOW, 1_000, 20_000, 40_000, 900_000)];
    expect(eT(attempts)).toBeCloseTo(0.25, 12);
    expect(eT(attempts, legacy)).toBeCloseTo(0.25, 12);
  });

  it('is 0 if answers got slower, and 1 if they take no time', () => {
    expect(eT([...times(BEFORE, 10), ...times(NOW, 11)])).toBe(0);
    expect(eT([...times(BEFORE, 10), ...times(NOW, 0)])).toBe(1);
    expect(eT([...times(BEFORE, 10), ...times(NOW, -10)])).toBe(1);
  });

  it('is null without a correct answer of known time in either window', () => {
    expect(eT([])).toBeNull();
    expect(eT(times(BEFORE, 10))).toBeNull();
    expect(eT(times(NOW, 10))).toBeNull();
    expect(eT([...times(BEFORE, null), ...times(NOW, 10)])).toBeNull();
    expect(eT([...times(BEFORE, 10), ...times(NOW, null)])).toBeNull();
    expect(eT([...times(BEFORE, 10), answer(NOW, { correct: false }), answer(NOW, { correct: null })])).toBeNull();
  });

  it('is null if the previous median is not above 0', () => {
    expect(eT([...times(BEFORE, 0, 0, 10), ...times(NOW, 10)])).toBeNull();
    expect(eT([...times(BEFORE, -5, 5), ...times(NOW, 10)])).toBeNull();
  });

  it('stays a number for times near the largest double', () => {
    expect(eT([...times(BEFORE, 1.7e308, 1.7e308), ...times(NOW, 0)])).toBe(1);
  });

  it.each([
    ['2026-01-20T00:00:00.000000Z', '2026-02-17T00:00:00.000000Z'],
    ['2026-02-16T23:59:59.999999Z', '2026-03-16T23:59:59.999999Z'],
  ])('compares %s with %s', (before, after) => {
    expect(eT([...times(before, 20), ...times(after, 15)])).toBeCloseTo(0.25, 12);
  });

  it.each([
    ['2026-01-19T23:59:59.999999Z', '2026-03-16T23:59:59.999999Z'],
    ['2026-02-16T23:59:59.999999Z', '2026-03-17T00:00:00.000000Z'],
    ['2026-01-20T00:00:00.000000Z', '2026-02-16T23:59:59.999999Z'],
  ])('does not compare %s with %s', (before, after) => {
    expect(eT([...times(before, 20), ...times(after, 15)])).toBeNull();
  });

  it('has windows in the legacy profile that end at 23:59:59 and leave most of a day out between', () => {
    const pair = (before: string, after: string) => eT([...times(before, 20), ...times(after, 15)], legacy);
    expect(pair('2026-01-20T23:59:59Z', '2026-02-17T23:59:59Z')).toBeCloseTo(0.25, 12);
    expect(pair('2026-02-16T23:59:59Z', '2026-03-16T23:59:59Z')).toBeCloseTo(0.25, 12);
    expect(pair('2026-01-20T23:59:58.999999Z', '2026-02-17T23:59:59Z')).toBeNull();
    expect(pair('2026-02-16T23:59:59.000001Z', '2026-03-16T23:59:59Z')).toBeNull();
    expect(pair('2026-02-16T23:59:59Z', '2026-03-16T23:59:59.000001Z')).toBeNull();
    expect(pair('2026-02-16T23:59:59Z', '2026-02-17T12:00:00Z')).toBeNull();
  });

  it('is within 0 and 1, and the same in any order of answers', () => {
    expectSameInAnyOrder(eT, 0);
  });
});
