import { describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { perSource } from '../../src/activity/source.ts';
import { daysInactive, decidingSource, eventId } from '../../src/events/inactivity-decision.ts';
import { planMistake, silenceWindow } from '../../src/silence/plan.ts';

const decision = {
  phase: 'CROSSED' as const,
  studentId: '00000000-0000-4000-8000-000000000001' as StudentId,
  thresholdDays: 7,
  lastSeenAt: 1_773_000_000_123_456n,
  asOf: 1_773_700_000_000_000n,
};

describe('an event id', () => {
  it('is a UUIDv5 that never changes for the same decision', () => {
    expect(eventId(decision)).toBe('e83aba5d-59f1-5dce-963d-3b8c488b4c61');
    expect(eventId(decision)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('differs by learner, threshold, episode and phase, and does not depend on when CROSSED was found', () => {
    const ids = [
      decision,
      { ...decision, studentId: '00000000-0000-4000-8000-000000000002' as StudentId },
      { ...decision, thresholdDays: 14 },
      { ...decision, lastSeenAt: decision.lastSeenAt + 1n },
      { ...decision, phase: 'RETURNED' as const },
      { ...decision, phase: 'ONGOING' as const },
      { ...decision, phase: 'ONGOING' as const, asOf: decision.asOf + MICROS_PER_DAY },
    ].map(eventId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(eventId({ ...decision, asOf: decision.asOf + MICROS_PER_DAY })).toBe(ids[0]);
  });

  it('is the same for ONGOING decisions of one UTC date', () => {
    const ongoing = { ...decision, phase: 'ONGOING' as const };
    expect(eventId({ ...ongoing, asOf: decision.asOf + 1n })).toBe(eventId(ongoing));
  });
});

describe('the deciding source', () => {
  it('has the latest activity; of equal ones the first source decides', () => {
    const none = perSource(() => null);
    expect(decidingSource({ ...none, attempt: 5n, session: 7n })).toBe('session');
    expect(decidingSource({ ...none, exam_results: 7n, session: 7n })).toBe('exam_results');
    expect(() => decidingSource(none)).toThrow();
  });
});

describe('silence', () => {
  it('is counted in whole days of 24 hours', () => {
    expect(daysInactive(0n, 7n * MICROS_PER_DAY - 1n)).toBe(6);
    expect(daysInactive(0n, 7n * MICROS_PER_DAY)).toBe(7);
  });

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
    const plan = { asOf: 0n, thresholds: [7], lookbackDays: 8, refresh: 'daily' as const };
    expect(planMistake(plan)).toBe(undefined);
    expect(planMistake({ ...plan, lookbackDays: 7 })).toContain('must exceed');
    expect(planMistake({ ...plan, thresholds: [7, 0] })).toContain('positive');
    expect(planMistake({ ...plan, thresholds: [7, 7] })).toContain('twice');
  });
});
