import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPauses, dueRecords } from '../../../src/kafka/consumer/delays.ts';

const record = (offset: number, timestamp: number) => ({
  key: null,
  value: null,
  offset: String(offset),
  timestamp: String(timestamp),
});

describe('due records', () => {
  const at = (nowMs: number) => ({
    nowMs: () => nowMs,
    notBeforeMs: (topic: string, { timestamp }: { timestamp: string }) =>
      topic === 'retry' ? Number(timestamp) : undefined,
  });
  const records = [record(5, 100), record(6, 200), record(9, 150)];

  it('are those before the first that is not due, even if later ones are', () => {
    expect(dueRecords('retry', records, at(199))).toEqual({
      due: records.slice(0, 1),
      waiting: { offset: 6n, waitMs: 1 },
    });
    expect(dueRecords('retry', records, at(99))).toEqual({ due: [], waiting: { offset: 5n, waitMs: 1 } });
    expect(dueRecords('retry', records, at(200))).toEqual({ due: records });
  });

  it('are all if no record has a delay', () => {
    expect(dueRecords('main', records, at(0))).toEqual({ due: records });
  });
});

describe('pauses', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('resume each partition once, when its record is due', () => {
    const resumed: string[] = [];
    const pauses = createPauses();
    pauses.hold('a', () => resumed.push('a'), 1_000);
    pauses.hold('b', () => resumed.push('b'), 2_000);
    vi.advanceTimersByTime(999);
    expect(resumed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(resumed).toEqual(['a']);
    pauses.end();
    vi.advanceTimersByTime(10_000);
    expect(resumed).toEqual(['a', 'b']);
  });

  it('replace an earlier pause of the partition and end after a minute at the latest', () => {
    const resumed: number[] = [];
    const pauses = createPauses();
    pauses.hold('a', () => resumed.push(1), 1_000);
    pauses.hold('a', () => resumed.push(2), Number.MAX_SAFE_INTEGER);
    vi.advanceTimersByTime(59_999);
    expect(resumed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(resumed).toEqual([2]);
  });
});
