import { describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { perSource } from '../../src/activity/source.ts';
import { daysInactive, decidingSource, eventId } from '../../src/events/inactivity-decision.ts';

const decision = {
  phase: 'CROSSED' as const,
  studentId: '00000000-0000-4000-8000-000000000001' as StudentId,
  thresholdDays: 7,
  lastSeenAt: 1_773_000_000_123_456n,
  asOf: 1_773_700_000_000_000n,
  reopenings: 0,
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
      { ...decision, reopenings: 1 },
      { ...decision, reopenings: 2 },
      { ...decision, reopenings: 1, phase: 'ONGOING' as const },
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

describe('days inactive', () => {
  it('are whole days of 24 hours', () => {
    expect(daysInactive(0n, 7n * MICROS_PER_DAY - 1n)).toBe(6);
    expect(daysInactive(0n, 7n * MICROS_PER_DAY)).toBe(7);
  });
});
