import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../src/churn/model/evaluation.ts';

const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.boolean()), { maxLength: 40 });

describe('figures of predictions', () => {
  it('have the AUC of all pairs: the share in which the one with the event is higher, ties count half', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const predicted = rows.map(([score]) => score / 8);
        const wins = rows.flatMap(([a, happened]) =>
          rows.filter(([, other]) => happened && !other).map(([b]) => (a > b ? 1 : a === b ? 0.5 : 0)),
        );
        const { auc } = evaluate(
          Float64Array.from(predicted),
          Uint8Array.from(rows.map(([, happened]) => Number(happened))),
        );
        if (wins.length === 0) expect(auc).toBeNull();
        else expect(auc).toBeCloseTo(wins.reduce<number>((sum, win) => sum + win, 0) / wins.length, 12);
      }),
    );
  });

  it('have the calibration error of ten bins of equal size by the prediction', () => {
    // Each bin has 0.05, 0.15, … and the two outcomes 0 and 1, so it is off by the distance to 0.5.
    const predicted = Float64Array.from({ length: 20 }, (_, i) => 0.05 + 0.1 * Math.floor(i / 2));
    const happened = Uint8Array.from({ length: 20 }, (_, i) => i % 2);
    expect(evaluate(predicted, happened).calibrationError).toBeCloseTo(0.25, 12);
    expect(evaluate(Float64Array.of(0.2, 0.8), Uint8Array.of(0, 1))).toMatchObject({
      snapshots: 2,
      happened: 1,
      auc: 1,
      brier: expect.closeTo(0.04, 12),
    });
  });

  it('are null without predictions', () => {
    expect(evaluate(new Float64Array(), new Uint8Array())).toEqual({
      snapshots: 0,
      happened: 0,
      auc: null,
      calibrationError: null,
      brier: null,
    });
  });
});
