import { describe, expect, it } from 'vitest';
import { type HoldFigures, holdReason } from '../../src/sweep/hold.ts';

const figures: HoldFigures = {
  crossing: new Map([[7, 150n]]),
  active: 10_000n,
  usuallyCrossed: [],
  knownThresholds: new Set([7]),
  maxShare: 0.2,
};
const held = (changes: Partial<HoldFigures>) => holdReason({ ...figures, ...changes });
const crossing = (learners: bigint, days = 7) => ({ crossing: new Map([[days, learners]]) });

describe('the reason to hold a run', () => {
  it('is given above the share of the active learners', () => {
    expect(held(crossing(2_000n))).toBeUndefined();
    expect(held(crossing(2_001n))).toEqual({
      crossing: 2_001n,
      limit: 2_000n,
      because: '2001 learners would cross, more than 20 % of the 10000 learners active in the lookback',
    });
  });

  it('is given above five times the median if that is lower', () => {
    const usuallyCrossed = [10n, 60n, 5_000n, 40n];
    expect(held({ ...crossing(250n), usuallyCrossed })).toBeUndefined();
    expect(held({ ...crossing(251n), usuallyCrossed })).toMatchObject({
      limit: 250n,
      because: expect.stringMatching(/5 times the 50/),
    });
    expect(held({ ...crossing(2_001n), usuallyCrossed: [9_000n] })).toMatchObject({ limit: 2_000n });
  });

  it('is never given up to 100 learners', () => {
    const usuallyCrossed = [0n, 0n, 0n];
    expect(held({ ...crossing(100n), usuallyCrossed, active: 100n })).toBeUndefined();
    expect(held({ ...crossing(101n), usuallyCrossed, active: 101n })).toMatchObject({ limit: 100n });
  });

  it('is given for a new threshold that more than 100 learners would cross', () => {
    const knownThresholds = new Set([7]);
    expect(held({ ...crossing(100n, 14), knownThresholds })).toBeUndefined();
    expect(held({ ...crossing(101n, 14), knownThresholds })).toMatchObject({
      limit: 100n,
      because: expect.stringMatching(/would cross 14 days/),
    });
    const ladder = new Map([
      [7, 150n],
      [14, 99n],
    ]);
    expect(held({ crossing: ladder, knownThresholds })).toBeUndefined();
  });

  it('counts all rungs of a ladder together', () => {
    const ladder = new Map([
      [7, 1_500n],
      [14, 501n],
    ]);
    expect(held({ crossing: ladder, knownThresholds: new Set([7, 14]) })).toMatchObject({ crossing: 2_001n });
  });
});
