import { describe, expect, it } from 'vitest';
import { missingHistory, rangesBetween, remainingRanges } from '../../../src/kafka/consumer/offset-ranges.ts';

const at = { topic: 't', partition: 0 };
const bounds = (firstOffset: bigint, endOffset: bigint, stableOffset = endOffset) => [
  { ...at, firstOffset, endOffset, stableOffset },
];
const position = (nextOffset: bigint) => [{ ...at, nextOffset }];

describe('the ranges between two positions', () => {
  it('are the whole partition, or end at the positions', () => {
    expect(rangesBetween(bounds(3n, 9n), undefined, undefined)).toEqual([{ ...at, firstOffset: 3n, endOffset: 9n }]);
    expect(rangesBetween(bounds(3n, 9n), position(5n), position(7n))).toEqual([
      { ...at, firstOffset: 5n, endOffset: 7n },
    ]);
  });

  it('end before the records that an open transaction hides', () => {
    expect(rangesBetween(bounds(3n, 9n, 6n), undefined, undefined)).toEqual([
      { ...at, firstOffset: 3n, endOffset: 6n },
    ]);
  });

  it('stay within the partition and are never negative', () => {
    expect(rangesBetween(bounds(6n, 9n), position(5n), position(12n))).toEqual([
      { ...at, firstOffset: 6n, endOffset: 9n },
    ]);
    expect(rangesBetween(bounds(0n, 9n), position(8n), position(4n))).toEqual([
      { ...at, firstOffset: 8n, endOffset: 8n },
    ]);
  });
});

describe('the rest of an interrupted reading', () => {
  const kept = [{ ...at, firstOffset: 4n, endOffset: 8n }];

  it('keeps its planned end, even if records were written since', () => {
    expect(remainingRanges(kept, bounds(0n, 99n))).toEqual(kept);
  });

  it('begins after the records that retention has deleted since', () => {
    expect(remainingRanges(kept, bounds(6n, 99n))).toEqual([{ ...at, firstOffset: 6n, endOffset: 8n }]);
  });

  it('cannot be resumed if the topic was recreated', () => {
    expect(() => remainingRanges(kept, bounds(0n, 7n))).toThrow('was recreated; --restart');
    expect(() => remainingRanges(kept, [])).toThrow('was recreated');
  });
});

describe('a history', () => {
  it('is whole if every partition begins at offset 0 and ends after the applied records', () => {
    expect(
      missingHistory([...bounds(0n, 9n), { topic: 't', partition: 1, firstOffset: 0n, endOffset: 0n }], position(9n)),
    ).toEqual({
      missing: [],
      recreated: [],
    });
  });

  it('is missing records that retention deleted, or belongs to a recreated topic', () => {
    expect(missingHistory(bounds(2n, 9n), position(9n))).toMatchObject({
      missing: [expect.any(String)],
      recreated: [],
    });
    expect(missingHistory(bounds(0n, 8n), position(9n))).toMatchObject({
      missing: [],
      recreated: [expect.any(String)],
    });
  });
});
