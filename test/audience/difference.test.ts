import { describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { becauseOf, type Changed, type Side } from '../../src/audience/difference.ts';
import { must } from '../../src/runtime/must.ts';

const NOW = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const ago = (days: number): Instant => NOW - BigInt(days) * MICROS_PER_DAY;
const side = (asOf: Instant, threshold: number, lookbackDays = 30): Side => {
  return { asOf, thresholds: [threshold], lookbackDays };
};
const entered = (days: number): Changed => ({ change: 'in', last_seen_at: ago(days), old_last_seen_at: null });
const left = (days: number, before = days): Changed => {
  return { change: 'out', last_seen_at: ago(days), old_last_seen_at: ago(before) };
};

const YESTERDAY = side(ago(1), 7);
const TODAY = side(NOW, 7);

describe('a learner is in one audience only, because', () => {
  it.each<[string, string, Changed, Side, Side]>([
    ['the silence reached the threshold', 'crossed', entered(7), YESTERDAY, TODAY],
    ['the silence reached both thresholds of a ladder change', 'crossed', entered(7), side(ago(1), 9), TODAY],
    ['the threshold was higher', 'threshold', entered(9), side(ago(1), 14), TODAY],
    ['the threshold would be lower', 'threshold', entered(8), side(NOW, 10), TODAY],
    ['the lookback was shorter', 'lookback', entered(20), side(ago(1), 7, 10), TODAY],
    ['the run left the learner out', 'left_out', entered(9), YESTERDAY, TODAY],
    ['a letter says that only a lower threshold is sure', 'doubtful', entered(9), side(NOW, 8), TODAY],
    ['the learner was seen again', 'seen_again', left(0, 9), YESTERDAY, TODAY],
    ['the threshold would be higher', 'threshold', left(8), TODAY, side(NOW, 10)],
    ['the silence exceeds the lookback', 'lookback', left(30), YESTERDAY, TODAY],
    ['a letter may contain a later activity', 'doubtful', left(9), YESTERDAY, TODAY],
  ])('%s: %s', (_, because, learner, old, current) => {
    expect(becauseOf(learner, old, current)).toBe(because);
  });
});
