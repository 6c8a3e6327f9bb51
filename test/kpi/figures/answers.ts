import fc from 'fast-check';
import { expect } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../../src/activity/instant.ts';
import type { Attempt } from '../../../src/kpi/figures/attempt.ts';
import { type MetricsPolicy, metricsPolicy } from '../../../src/kpi/figures/policy.ts';

export const at = (text: string): Instant => parseInstant(text) ?? 0n;

/** d of the tests: W(d, 14) is 03-03 through 03-16, W(d, 28) 02-17 through 03-16, W(d−28, 28) 01-20 through 02-16. */
export const DAY = at('2026-03-16');

export function answer(when: string, more: Partial<Attempt> = {}): Attempt {
  return {
    item: '1',
    topic: null,
    at: at(when),
    session: 's1',
    correct: true,
    timeMs: 1000,
    hints: 0,
    dwellSeconds: 1,
    ...more,
  };
}

/** `count` answers at one time, the first `correct` of them right. */
export function answers(when: string, count: number, correct: number): Attempt[] {
  return Array.from({ length: count }, (_, index) => answer(when, { correct: index < correct }));
}

/** Answers within 60 days around the windows, to few items, so that every figure can be computed. */
const anyAnswers = fc.array(
  fc.record({
    item: fc.constantFrom('1', '2', 'a'),
    topic: fc.constantFrom(null, 'fractions'),
    at: fc.bigInt({ min: -58n * MICROS_PER_DAY, max: 2n * MICROS_PER_DAY }).map((offset) => DAY + offset),
    session: fc.option(fc.constantFrom('s1', 's2', 's3', 's4')),
    correct: fc.option(fc.boolean()),
    timeMs: fc.option(fc.integer({ min: -1000, max: 4_000_000 })),
    hints: fc.option(fc.integer({ min: -1, max: 5 })),
    dwellSeconds: fc.option(fc.double({ min: -1, max: 4000, noNaN: true })),
  }),
  { maxLength: 60 },
);

export const shuffled = <T>(rows: readonly T[]) =>
  fc.shuffledSubarray([...rows], { minLength: rows.length, maxLength: rows.length });

/**
 * Asserts that any answers give a figure from `low` to 1 in both profiles, the same in any order.
 *
 * @param places how many decimal places must agree between two orders, for sums of doubles; all by default
 */
export function expectSameInAnyOrder(
  figureOf: (rows: readonly Attempt[], policy: MetricsPolicy) => number | null,
  low: number,
  places?: number,
): void {
  fc.assert(
    fc.property(
      anyAnswers.chain((rows) => fc.tuple(fc.constant(rows), shuffled(rows))),
      fc.constantFrom(metricsPolicy('standard'), metricsPolicy('legacy')),
      ([rows, mixed], policy) => {
        const figure = figureOf(rows, policy);
        const again = figureOf(mixed, policy);
        if (figure === null || places === undefined) expect(again).toBe(figure);
        else expect(again).toBeCloseTo(figure, places);
        if (figure === null) return;
        expect(figure).toBeGreaterThanOrEqual(low);
        expect(figure).toBeLessThanOrEqual(1);
      },
    ),
  );
}
