import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRangeReader } from '../../../src/kafka/consumer/offset-range.ts';

const batch = (first: number, nextOffset: number, partition = 0) => ({
  topic: 't',
  partition,
  records: Array.from({ length: Math.max(0, nextOffset - first) }, (_, n) => ({
    key: null,
    value: null,
    timestamp: '0',
    offset: String(first + n),
  })),
  fromOffset: BigInt(first),
  nextOffset: BigInt(nextOffset),
});
const offsets = (taken: ReturnType<ReturnType<typeof createRangeReader>['take']>) =>
  taken?.records.map(({ offset }) => Number(offset)) ?? [];

describe('a bounded reading', () => {
  it('takes each record of its range once and no other, for any delivery', () => {
    const delivered = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 8 })), { maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), delivered, (first, length, extra) => {
        const end = first + length;
        const reader = createRangeReader([
          { topic: 't', partition: 0, firstOffset: BigInt(first), endOffset: BigInt(end) },
        ]);
        const taken: number[] = [];
        // Like the driver: in order from the sought offset, sometimes again from an earlier one.
        for (const [back, size] of [...extra, [0, 99] as const]) {
          const next = Number(reader.nextOffset({ topic: 't', partition: 0 }) ?? end);
          const from = Math.max(0, next - back);
          taken.push(...offsets(reader.take(batch(from, from + size))));
        }
        expect(taken).toEqual(Array.from({ length }, (_, n) => first + n));
        expect(reader.nextOffset({ topic: 't', partition: 0 })).toBe(undefined);
      }),
    );
  });

  it('reaches its end if the last offsets have no record', () => {
    const reader = createRangeReader([{ topic: 't', partition: 0, firstOffset: 0n, endOffset: 9n }]);
    expect(reader.take({ ...batch(0, 3), nextOffset: 9n })).toMatchObject({ nextOffset: 9n });
    expect(reader.nextOffset({ topic: 't', partition: 0 })).toBe(undefined);
  });

  it('continues without an end, and takes no records of other partitions', () => {
    const reader = createRangeReader([{ topic: 't', partition: 0, firstOffset: 2n }]);
    expect(offsets(reader.take(batch(0, 5)))).toEqual([2, 3, 4]);
    expect(reader.nextOffset({ topic: 't', partition: 0 })).toBe(5n);
    expect(reader.take(batch(0, 5, 1))).toBe(undefined);
    expect(reader.nextOffset({ topic: 't', partition: 1 })).toBe(undefined);
  });
});
