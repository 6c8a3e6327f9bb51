import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recalibrate, splitScore } from '../../../src/churn/model/score-split.ts';

const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 10 }), fc.boolean()), { minLength: 1, maxLength: 60 });
const columns = (pairs: readonly (readonly [number, boolean])[]) =>
  [
    Float64Array.from(pairs, ([score]) => score / 10),
    Uint8Array.from(pairs, ([, happened]) => Number(happened)),
  ] as const;

describe('the recalibration of predictions', () => {
  it('has increasing values over ranges that do not overlap, of all predictions and events', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [predicted, happened] = columns(pairs);
        const blocks = recalibrate(predicted, happened);
        for (const [i, block] of blocks.entries()) {
          expect(block.from).toBeLessThanOrEqual(block.to);
          const next = blocks[i + 1];
          if (next === undefined) continue;
          expect(block.to).toBeLessThan(next.from);
          expect(block.events / block.members).toBeLessThan(next.events / next.members);
        }
        expect(blocks.reduce((sum, { members }) => sum + members, 0)).toBe(pairs.length);
        expect(blocks.reduce((sum, { events }) => sum + events, 0)).toBe(pairs.filter(([, is]) => is).length);
      }),
    );
  });

  it('changes nothing in the order of the snapshots', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        expect(recalibrate(...columns([...pairs].reverse()))).toEqual(recalibrate(...columns(pairs)));
      }),
    );
  });

  it('pools neighbours that are in the wrong order', () => {
    expect(recalibrate(Float64Array.of(0.1, 0.2, 0.3, 0.9), Uint8Array.of(0, 1, 0, 1))).toEqual([
      { members: 1, events: 0, from: 0.1, to: 0.1 },
      { members: 2, events: 1, from: 0.2, to: 0.3 },
      { members: 1, events: 1, from: 0.9, to: 0.9 },
    ]);
  });
});

describe('the split of the Brier score', () => {
  it('adds up, and no part is below 0', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const split = splitScore(...columns(pairs));
        const { brier, miscalibration, discrimination, uncertainty } = split ?? expect.fail('there are predictions');
        expect(miscalibration - discrimination + uncertainty).toBeCloseTo(brier, 12);
        for (const part of [miscalibration, discrimination, uncertainty]) expect(part).toBeGreaterThanOrEqual(-1e-12);
      }),
    );
  });

  it('has no miscalibration if each prediction is the share that is observed', () => {
    const split = splitScore(Float64Array.of(0.25, 0.25, 0.25, 0.25, 1), Uint8Array.of(0, 1, 0, 0, 1));
    expect(split?.miscalibration).toBeCloseTo(0, 12);
    expect(split?.uncertainty).toBeCloseTo(0.24, 12);
  });

  it('is null without predictions', () => {
    expect(splitScore(new Float64Array(), new Uint8Array())).toBeNull();
  });
});
