import { describe, expect, it } from 'vitest';
import { recovery } from '../../../src/kpi/figures/answer-figures.ts';
import type { Attempt } from '../../../src/kpi/figures/attempt.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { answer, DAY, expectSameInAnyOrder } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const rT = (attempts: readonly Attempt[], policy = standard) => recovery(attempts, DAY, policy);
const BEFORE = '2026-02-01';
const NOW = '2026-03-10';
const missed = (item: string, topic: string | null = null) => answer(BEFORE, { item, topic, correct: false });
const retry = (item: string, correct: boolean | null, topic: string | null = null) =>
  answer(NOW, { item, topic, correct });

describe('R_t', () => {
  it('is the share of correct answers to items that were answered wrongly before', () => {
    // missed 1 and 2; again: 1 right, 1 wrong, 2 right; item 3 was never missed: 2/3
    const attempts = [
      missed('1'),
      missed('2'),
      answer(BEFORE, { item: '3' }),
      retry('1', true),
      retry('1', false),
      retry('2', true),
      retry('3', true),
    ];
    expect(rT(attempts)).toBeCloseTo(2 / 3, 12);
    expect(rT(attempts, legacy)).toBeCloseTo(2 / 3, 12);
  });

  it('counts an item as missed that was also answered right, before or after', () => {
    const right = answer(BEFORE, { item: '1' });
    expect(rT([right, missed('1'), right, retry('1', true)])).toBe(1);
  });

  it('distinguishes an item under one topic from the same item under another or none', () => {
    expect(rT([missed('1', 'a'), retry('1', true, 'b')])).toBeNull();
    expect(rT([missed('1', 'a'), retry('1', true)])).toBeNull();
    expect(rT([missed('1'), retry('1', true)])).toBe(1);
    // no two keys run into each other
    expect(rT([missed('1,"a', 'b'), retry('1', true, 'a,"b')])).toBeNull();
  });

  it('counts answers of unknown correctness as not correct, and never as a miss', () => {
    expect(rT([missed('1'), retry('1', true), retry('1', null)])).toBe(0.5);
    expect(rT([answer(BEFORE, { correct: null }), retry('1', true)])).toBeNull();
  });

  it('is null if nothing was missed, or nothing missed was answered again', () => {
    expect(rT([])).toBeNull();
    expect(rT([answer(BEFORE), retry('1', true)])).toBeNull();
    expect(rT([missed('1')])).toBeNull();
    expect(rT([missed('1'), retry('2', true)])).toBeNull();
    expect(rT([answer(NOW, { correct: false }), retry('1', true)])).toBeNull();
  });

  it.each([
    ['2026-01-20T00:00:00.000000Z', '2026-02-17T00:00:00.000000Z', 1],
    ['2026-02-16T23:59:59.999999Z', '2026-03-16T23:59:59.999999Z', 1],
    ['2026-01-19T23:59:59.999999Z', '2026-02-17T00:00:00.000000Z', null],
    ['2026-02-17T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z', null],
    ['2026-02-16T23:59:59.999999Z', '2026-03-17T00:00:00.000000Z', null],
  ])('with a miss at %s and a right answer at %s is %s', (before, after, expected) => {
    expect(rT([answer(before, { correct: false }), answer(after)])).toBe(expected);
  });

  it.each([
    ['2026-01-20T23:59:59.000000Z', '2026-02-17T23:59:59.000000Z', 1],
    ['2026-02-16T23:59:59.000000Z', '2026-03-16T23:59:59.000000Z', 1],
    ['2026-01-20T23:59:58.999999Z', '2026-02-17T23:59:59.000000Z', null],
    ['2026-02-16T23:59:59.000001Z', '2026-03-16T23:59:59.000000Z', null],
    ['2026-02-16T23:59:59.000000Z', '2026-02-17T23:59:58.999999Z', null],
  ])('in the legacy profile with a miss at %s and a right answer at %s is %s', (before, after, expected) => {
    expect(rT([answer(before, { correct: false }), answer(after)], legacy)).toBe(expected);
  });

  it('is within 0 and 1, and the same in any order of answers', () => {
    expectSameInAnyOrder(rT, 0);
  });
});
