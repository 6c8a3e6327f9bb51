import { describe, expect, it } from 'vitest';
import { figureChange } from '../../src/audience/figure-change.ts';
import { comparator } from '../../src/audience/order.ts';

const learner = (id: string, at: bigint, user: string, P: number | null, S: number | null) => ({
  student_id: id,
  user_id: user,
  last_seen_at: at,
  figures: { P, S },
});

const LEARNERS = [
  learner('4', 2n, 'é', 0.5, null),
  learner('3', 2n, 'Z', null, 0.75),
  learner('2', 1n, 'a', 0.5, 0.25),
  learner('1', 3n, '\u{1f600}', 0.25, 1),
];

describe('a list', () => {
  it.each([
    ['days', 'the longest silence', ['2', '3', '4', '1']],
    ['s', 'the highest S', ['1', '3', '2', '4']],
    ['p', 'the lowest P', ['1', '2', '4', '3']],
    ['user', 'the smallest bytes', ['3', '2', '4', '1']],
  ] as const)('sorted by %s begins with %s; equal ones are in the order of their student ids', (key, _, ids) => {
    expect(LEARNERS.toSorted(comparator(key)).map((each) => each.student_id)).toEqual(ids);
  });
});

describe('the change of a figure', () => {
  it('is the difference to the earlier one, and null if one of them is', () => {
    expect(figureChange(['P', 'S'], { P: 0.25, S: 1 }, { P: 0.75, S: null })).toEqual({
      P: 0.25,
      P_change: -0.5,
      S: 1,
      S_change: null,
    });
  });

  it('exists for the wanted figures only', () => {
    expect(figureChange(['S'], { S: null }, { S: 1 })).toEqual({ S: null, S_change: null });
  });
});
