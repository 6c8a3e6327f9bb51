import { describe, expect, it } from 'vitest';
import { emptyFetches } from '../../../src/kafka/consumer/empty-fetches.ts';

const request = (...fetchOffsets: string[]) => ({
  topics: [{ topic: 't', partitions: fetchOffsets.map((fetchOffset, partition) => ({ partition, fetchOffset })) }],
});
const partition = (index: number, highWatermark: string, more: object = {}) => ({
  partition: index,
  highWatermark,
  lastStableOffset: highWatermark,
  messages: [],
  ...more,
});
const response = (...partitions: ReturnType<typeof partition>[]) => ({ responses: [{ topicName: 't', partitions }] });
const RECORD = [{}];

describe('an empty fetch', () => {
  it('proves that a partition ends at the fetched offset', () => {
    expect(emptyFetches(request('7'), response(partition(0, '7')))).toEqual([
      { topic: 't', partition: 0, fetchOffset: 7n, endOffset: 7n },
    ]);
  });

  it('proves that no record is left up to the end, if no other partition has one', () => {
    expect(emptyFetches(request('5', '0'), response(partition(0, '7'), partition(1, '0')))).toMatchObject([
      { partition: 0, fetchOffset: 5n, endOffset: 7n },
      { partition: 1, fetchOffset: 0n, endOffset: 0n },
    ]);
  });

  it('proves nothing below the end if another partition may have filled the response', () => {
    const filled = response(partition(0, '7'), partition(1, '9', { messages: RECORD }), partition(2, '3'));
    expect(emptyFetches(request('5', '0', '3'), filled)).toMatchObject([{ partition: 2, endOffset: 3n }]);
  });

  it('proves nothing while an open transaction hides records', () => {
    expect(emptyFetches(request('5'), response(partition(0, '7', { lastStableOffset: '5' })))).toEqual([]);
  });
});
