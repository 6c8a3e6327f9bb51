import { describe, expect, it } from 'vitest';
import { dateOf, formatInstant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { retentionLimits } from '../../src/prune/limits.ts';

const now = parseInstant('2026-03-18T05:00:00Z') as bigint;
const inputs = { now, lookbackDays: 30, heldSince: null };
const daysAgo = (days: bigint) => now - days * MICROS_PER_DAY;

describe('the limits of retention', () => {
  it('are 60 days for events, 400 for runs, and the Monday before that for weeks', () => {
    const { eventsBefore, runsBefore, floor } = retentionLimits(inputs);
    expect(eventsBefore).toBe(daysAgo(60n));
    expect(runsBefore).toBe(daysAgo(400n));
    expect(dateOf(daysAgo(400n))).toBe('2025-02-11');
    expect(formatInstant(floor)).toBe('2025-02-10T00:00:00.000000Z');
  });

  it('keep the weeks of a lookback that is longer', () => {
    expect(retentionLimits({ ...inputs, lookbackDays: 399 })).toEqual(retentionLimits(inputs));
    const { floor, runsBefore } = retentionLimits({ ...inputs, lookbackDays: 800 });
    expect(floor).toBeLessThanOrEqual(daysAgo(800n));
    expect(runsBefore).toBe(daysAgo(400n));
  });

  it('keep the weeks of a held run that may be approved', () => {
    expect(retentionLimits({ ...inputs, heldSince: daysAgo(399n) })).toEqual(retentionLimits(inputs));
    expect(retentionLimits({ ...inputs, heldSince: daysAgo(730n) }).floor).toBeLessThanOrEqual(daysAgo(730n));
  });
});
