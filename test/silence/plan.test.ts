import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { configuredPlan, silenceWindow } from '../../src/silence/plan.ts';

describe('the plan of a sweep', () => {
  it('is a window between threshold and lookback, with the dates of both', () => {
    const asOf = 20_000n * MICROS_PER_DAY + 5n * 3_600_000_000n;
    expect(silenceWindow({ asOf, thresholds: [14, 7], lookbackDays: 30 })).toEqual({
      after: asOf - 30n * MICROS_PER_DAY,
      until: asOf - 7n * MICROS_PER_DAY,
      firstDate: '2024-09-04',
      lastDate: '2024-09-27',
    });
  });

  it('is refused for a lookback up to a threshold, and for invalid or repeated thresholds', () => {
    const planOf = (thresholds: number[], lookbackDays: number) => () =>
      configuredPlan(
        { INACTIVITY_THRESHOLD_DAYS: thresholds, KPI_LOOKBACK_DAYS: lookbackDays, INACTIVITY_REFRESH: 'daily' },
        0n,
      );
    expect(planOf([7], 8)()).toMatchObject({ thresholds: [7], lookbackDays: 8, refresh: 'daily' });
    expect(planOf([7], 7)).toThrow('must exceed');
    expect(planOf([7, 0], 8)).toThrow('positive');
    expect(planOf([7, 7], 8)).toThrow('twice');
  });
});
