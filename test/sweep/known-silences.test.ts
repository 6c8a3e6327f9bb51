import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { requireKnownSilences } from '../../src/sweep/known-silences.ts';

const asOf = parseInstant('2026-03-16T05:00:00Z') as bigint;
const plan = { asOf, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' as const };
const after = asOf - 30n * MICROS_PER_DAY;

describe('a sweep whose window', () => {
  it.each([
    ['begins at the floor of prune', plan, after],
    ['begins after it', plan, after - 1n],
    ['is of an installation that never pruned', plan, null],
  ])('%s is allowed', (_, allowed, floor) => {
    expect(() => requireKnownSilences(allowed, floor)).not.toThrow();
  });

  it('begins before the floor is refused, with the longest lookback', () => {
    expect(() => requireKnownSilences(plan, after + 1n)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('at most 29 days') }),
    );
  });

  it('begins before the floor is refused, with --as-of if no lookback is long enough', () => {
    expect(() => requireKnownSilences(plan, asOf - 14n * MICROS_PER_DAY)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('--as-of') }),
    );
  });
});
