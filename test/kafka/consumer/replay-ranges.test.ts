import { describe, expect, it } from 'vitest';
import { missingHistory, rangesBetween, rangesLeft } from '../../../src/kafka/consumer/replay-ranges.ts';

const at = { topic: 't', partition: 0 };
const bounds = (firstOffset: bigint, endOffset: bigint) => [{ ...at, firstOffset, endOffset }];
const position = (nextOffset: bigint) => [{ ...at, nextOffset }];

describe('what is to be read', () => {
  it('is everything there is, or what lies between two positions', () => {
    expect(rangesBetween(bounds(3n, 9n), undefined, undefined)).toEqual([{ ...at, firstOffset: 3n, endOffset: 9n }]);
    expect(rangesBetween(bounds(3n, 9n), position(5n), position(7n))).toEqual([
      { ...at, firstOffset: 5n, endOffset: 7n },
    ]);
  });

  it('is never more than there is, nor less than nothing', () => {
    expect(rangesBetween(bounds(6n, 9n), position(5n), position(12n))).toEqual([
      { ...at, firstOffset: 6n, endOffset: 9n },
    ]);
    expect(rangesBetween(bounds(0n, 9n), position(8n), position(4n))).toEqual([
      { ...at, firstOffset: 8n, endOffset: 8n },
    ]);
  });
});

describe('what is left of an interrupted reading', () => {
  const kept = [{ ...at, firstOffset: 4n, endOffset: 8n }];

  it('ends where it was to end, however much was written since', () => {
    expect(rangesLeft(kept, bounds(0n, 99n))).toEqual(kept);
  });

  it('begins after what retention has taken meanwhile', () => {
    expect(rangesLeft(kept, bounds(6n, 99n))).toEqual([{ ...at, firstOffset: 6n, endOffset: 8n }]);
  });

  it('cannot be resumed if the topic was recreated', () => {
    expect(() => rangesLeft(kept, bounds(0n, 7n))).toThrow('was recreated; --restart');
    expect(() => rangesLeft(kept, [])).toThrow('was recreated');
  });
});

describe('a history', () => {
  it('is whole where every partition reaches back to its first offset and to what was applied', () => {
    expect(
      missingHistory([...bounds(0n, 9n), { topic: 't', partition: 1, firstOffset: 0n, endOffset: 0n }], position(9n)),
    ).toEqual({
      missing: [],
      recreated: [],
    });
  });

  it('is told to be cut off, or another one than was applied', () => {
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
