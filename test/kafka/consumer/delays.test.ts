import { describe, expect, it } from 'vitest';
import { dueRecords } from '../../../src/kafka/consumer/delays.ts';

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
