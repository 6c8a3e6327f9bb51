import { describe, expect, it } from 'vitest';
import { retentionOf } from '../../../src/kafka/admin/retention.ts';

const of = (config: Record<string, string>) => retentionOf(new Map(Object.entries(config)));
const MINUTE = 60_000;

describe('how long a topic keeps a record', () => {
  it('is its retention, the time its segment is written to, and what the broker takes to look', () => {
    expect(of({ 'cleanup.policy': 'delete', 'retention.ms': '1000', 'segment.ms': '500' })).toEqual({
      kind: 'time',
      atMostMs: 1500 + 6 * MINUTE,
    });
  });

  it('is for ever without a limit in time', () => {
    expect(of({ 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.ms': '500' })).toEqual({ kind: 'forever' });
  });

  it('is until the next of its key where a topic is compacted, unless it deletes besides', () => {
    expect(of({ 'cleanup.policy': 'compact', 'retention.ms': '1000' })).toEqual({ kind: 'compacted' });
    expect(of({ 'cleanup.policy': 'compact,delete', 'retention.ms': '1000' })).toMatchObject({ kind: 'time' });
  });
});
