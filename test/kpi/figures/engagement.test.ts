import { describe, expect, it } from 'vitest';
import { engagement } from '../../../src/kpi/figures/answer-figures.ts';
import type { Attempt } from '../../../src/kpi/figures/attempt.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { answer, DAY, expectSameInAnyOrder } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const aT = (attempts: readonly Attempt[], policy = standard) => engagement(attempts, DAY, policy);
const UNKNOWN = { session: null, hints: null, dwellSeconds: null } as const;

describe('A_t', () => {
  it('weighs sessions, gaps, hints and dwell', () => {
    // s = 2/28; times 03-01, 03-03, 03-05: mean gap 2 days, g = 1/2; hints 0, 1, 2: h = 1 − 1/3;
    // dwell: session a 300 + 150, session b 450: mean 450 s, w = 0.5
    // 0.35/14 + 0.25/2 + 0.2·2/3 + 0.2/2 = 0.025 + 0.125 + 0.133333… + 0.1
    const attempts = [
      answer('2026-03-01', { session: 'a', hints: 0, dwellSeconds: 300 }),
      answer('2026-03-03', { session: 'a', hints: 1, dwellSeconds: 150 }),
      answer('2026-03-05', { session: 'b', hints: 2, dwellSeconds: 450 }),
    ];
    expect(aT(attempts)).toBeCloseTo(0.38333333333333336, 12);
  });

  it('takes the dwell as unknown in the legacy profile', () => {
    // s = 1/28, one time: g = 0.5, h = 1, w = 0.5 however long: 0.0125 + 0.125 + 0.2 + 0.1
    const attempts = [answer('2026-03-01', { dwellSeconds: 9000 })];
    expect(aT(attempts, legacy)).toBeCloseTo(0.4375, 12);
    // w = 1
    expect(aT(attempts)).toBeCloseTo(0.5375, 12);
  });

  it('is 0.325 for answers with only a known time', () => {
    // s = 0, g = h = w = 0.5: 0.125 + 0.1 + 0.1
    expect(aT([answer('2026-03-01', UNKNOWN)])).toBeCloseTo(0.325, 12);
  });

  it('counts equal times once, and a gap below a day as daily work', () => {
    const twice = [answer('2026-03-01', UNKNOWN), answer('2026-03-01', UNKNOWN)];
    expect(aT(twice)).toBeCloseTo(0.325, 12);
    // g = 1: 0.25 + 0.1 + 0.1
    expect(aT([...twice, answer('2026-03-01T00:00:00.000001Z', UNKNOWN)])).toBeCloseTo(0.45, 12);
    // 4 days between three distinct times: g = 1/2
    const spread = [...twice, answer('2026-03-05', UNKNOWN), answer('2026-03-04', UNKNOWN)];
    expect(aT(spread)).toBeCloseTo(0.325, 12);
  });

  it('leaves unknown hints out of the mean, and counts three and more as no independence', () => {
    const hints = (...counts: (number | null)[]) =>
      aT(counts.map((count) => answer('2026-03-01', { ...UNKNOWN, hints: count })));
    // h = 0.5 of mean 1.5
    expect(hints(3, 0, null)).toBeCloseTo(0.325, 12);
    // h = 0
    expect(hints(7, null)).toBeCloseTo(0.225, 12);
    // h = 1
    expect(hints(-1)).toBeCloseTo(0.425, 12);
  });

  it('counts the dwell of each session once, if any of it is known', () => {
    const dwell = (session: string | null, dwellSeconds: number | null) =>
      answer('2026-03-01', { session, hints: null, dwellSeconds });
    // s = 3/28: 0.0375; g = h = 0.5: 0.225; a 900 s, b 0 s, c unknown: mean 450, w = 0.5: 0.1
    const attempts = [
      dwell('a', 400),
      dwell('a', 500),
      dwell('a', null),
      dwell('b', 0),
      dwell('c', null),
      dwell(null, 9e9),
    ];
    expect(aT(attempts)).toBeCloseTo(0.3625, 12);
  });

  it('is 1 for 28 sessions a day apart, without hints, a quarter of an hour each', () => {
    const days = Array.from({ length: 28 }, (_, index) => {
      const date = new Date(Date.UTC(2026, 1, 17 + index)).toISOString();
      return answer(date, { session: `s${index}`, dwellSeconds: 900 });
    });
    expect(aT(days)).toBeCloseTo(1, 12);
  });

  it('is null without an answer in its window', () => {
    expect(aT([])).toBeNull();
    expect(aT([answer('2026-02-16T23:59:59.999999Z'), answer('2026-03-17T00:00:00Z')])).toBeNull();
    expect(aT([answer('2026-02-17T23:59:58.999999Z'), answer('2026-03-16T23:59:59.000001Z')], legacy)).toBeNull();
  });

  it.each([
    ['2026-02-17T00:00:00.000000Z', standard],
    ['2026-03-16T23:59:59.999999Z', standard],
    ['2026-02-17T23:59:59.000000Z', legacy],
    ['2026-03-16T23:59:59.000000Z', legacy],
  ])('counts an answer at %s, an edge of its window ($profile)', (when, policy) => {
    expect(aT([answer(when)], policy)).not.toBeNull();
  });

  it('is within 0 and 1, and the same in any order of answers', () => {
    expectSameInAnyOrder(aT, 0, 12);
  });
});
