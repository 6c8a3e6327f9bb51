import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FEATURE_COUNT, FEATURES, writeFeatures } from '../../../src/churn/model/features.ts';
import { isSilentFrom, type LearnerDays, viewBefore } from '../../../src/churn/model/history.ts';
import { histories, historyOf } from '../histories.ts';

const AS_OF = 15_100;

function featuresOf(history: LearnerDays, asOf = AS_OF): Float64Array | undefined {
  const view = viewBefore(history, asOf);
  if (view === undefined) return undefined;
  const out = new Float64Array(FEATURE_COUNT + 2).fill(Number.NaN);
  writeFeatures(view, out, 1);
  expect([out[0], out.at(-1)], 'nothing else is written').toEqual([Number.NaN, Number.NaN]);
  return out.subarray(1, -1);
}

function named(history: LearnerDays): Record<string, number> {
  const values = featuresOf(history) ?? [];
  return Object.fromEntries(FEATURES.map(({ name }, i) => [name, values[i] ?? Number.NaN]));
}

const ago = (...days: number[]) => days.map((day) => AS_OF - day);

describe('the features of a history', () => {
  it('have names of their own', () => {
    expect(new Set(FEATURES.map(({ name }) => name)).size).toBe(FEATURE_COUNT);
  });

  it('are within their ranges', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 15_001, max: 15_400 }), (history, asOf) => {
        for (const [i, value] of (featuresOf(history, asOf) ?? []).entries()) {
          const [least, most] = FEATURES[i]?.range ?? [Number.NaN, Number.NaN];
          expect(value, FEATURES[i]?.name).toBeGreaterThanOrEqual(least);
          expect(value, FEATURES[i]?.name).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it('do not exist before the first activity', () => {
    expect(featuresOf(historyOf([AS_OF]))).toBeUndefined();
    expect(featuresOf(historyOf([AS_OF - 1]))).toBeDefined();
  });

  it('count silence, active days and weeks up to the as-of', () => {
    expect(named(historyOf(ago(9, 10, 12, 30)))).toMatchObject({
      silence: Math.log1p(9),
      silence_over_6: Math.log1p(9) - Math.log1p(6),
      silence_over_9: 0,
      active_7: 0,
      active_14: 3,
      active_28: 3,
      active_42: 4,
      active_weeks: 2,
      active_7_before: 3,
      active_28_before: 4,
      active_per_week: (7 * 4) / 30,
      tenure: Math.log1p(30),
    });
  });

  it('describe the gaps between active days, and those longer than the silence', () => {
    // Gaps of 1, 2 and 18 days; the last one is longer than 9 days, and ended within 14 more.
    expect(named(historyOf(ago(9, 10, 12, 30)))).toMatchObject({
      gaps: Math.log1p(3),
      gap_mean: Math.log1p(7),
      gap_longest: Math.log1p(18),
      gaps_longer: Math.log1p(1),
      gaps_longer_share: 1.5 / 4,
      returned_share: 1.5 / 2,
      silence_to_longest: 9 / 18,
    });
    const spread = Math.sqrt((1 + 4 + 324) / 3 - 49);
    expect(named(historyOf(ago(9, 10, 12, 30)))['gap_spread']).toBeCloseTo(Math.log1p(spread), 12);
    expect(named(historyOf(ago(3)))).toMatchObject({ gaps: 0, gap_mean: 0, silence_to_longest: 2 });
  });

  it('count the days since the last exam, practice and content', () => {
    expect(named(historyOf([], { exams: ago(5, 80), practice: ago(50), content: ago(42) }))).toMatchObject({
      since_exam: Math.log1p(5),
      no_exam: 0,
      exam_days: Math.log1p(1),
      since_practice: Math.log1p(43),
      no_practice: 1,
      since_content: Math.log1p(42),
      no_content: 0,
    });
    expect(named(historyOf(ago(1)))).toMatchObject({ since_exam: Math.log1p(43), no_exam: 1, exam_days: 0 });
  });

  it('are the same if everything from the as-of on is removed or changed', () => {
    const before = (days: readonly number[]) => days.filter((day) => day < AS_OF);
    fc.assert(
      fc.property(histories, histories, (history, other) => {
        const mixed = (kind: keyof LearnerDays) => [
          ...before(history[kind]),
          ...other[kind].filter((day) => day >= AS_OF),
        ];
        const changed = historyOf(mixed('any'), {
          exams: mixed('exams'),
          practice: mixed('practice'),
          content: mixed('content'),
        });
        expect(featuresOf(changed)).toEqual(featuresOf(history));
      }),
    );
  });

  it('would differ if they looked one day ahead', () => {
    const seenToday = historyOf(ago(9, 0));
    expect(featuresOf(seenToday, AS_OF + 1)).not.toEqual(featuresOf(historyOf(ago(9)), AS_OF + 1));
  });
});

describe('the outcome', () => {
  it('is silence on all days of the horizon, which begins with the day of the as-of', () => {
    for (const [days, silent] of [
      [ago(1), true],
      [ago(1, 0), false],
      [ago(1, -13), false],
      [ago(1, -14), true],
    ] as const)
      expect(isSilentFrom(historyOf(days), AS_OF, 14), `${days}`).toBe(silent);
  });
});
