import { describe, expect, it } from 'vitest';
import { retentionOf } from '../../../src/kafka/admin/retention.ts';

const retention = (config: Record<string, string>) => retentionOf(new Map(Object.entries(config)));
const MINUTE = 60_000;

describe('the retention of a topic', () => {
  it('adds segment.ms and the delay of the broker to retention.ms', () => {
    expect(retention({ 'cleanup.policy': 'delete', 'retention.ms': '1000', 'segment.ms': '500' })).toEqual({
      kind: 'time',
      atMostMs: 1500 + 6 * MINUTE,
    });
  });

  it('has no limit if retention.ms is -1', () => {
    expect(retention({ 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.ms': '500' })).toEqual({
      kind: 'forever',
    });
  });

  it('is compacted unless cleanup.policy also has delete', () => {
    expect(retention({ 'cleanup.policy': 'compact', 'retention.ms': '1000' })).toEqual({ kind: 'compacted' });
    expect(
      retention({ 'cleanup.policy': 'compact,delete', 'retention.ms': '1000', 'segment.ms': '500' }),
    ).toMatchObject({ kind: 'time' });
  });
});
