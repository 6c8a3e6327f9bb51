import { describe, expect, it } from 'vitest';
import { reportOf } from '../../../src/churn/model/report.ts';
import { formulaAt } from '../../../src/churn/report-pipeline.ts';

/** 20 snapshots for each of these silences; the last ones of each stayed away, and S is right about them. */
const SILENCES = [2, 8, 20, 60];
const rows = SILENCES.flatMap((silentDays, stratum) =>
  Array.from({ length: 20 }, (_, i) => ({ silentDays, model: i / 20, happened: i >= 16 - 4 * stratum })),
);
const scored = {
  model: Float64Array.from(rows, ({ model }) => model),
  formula: Float64Array.from(rows, ({ silentDays }, i) => (i % 2 === 0 ? Number.NaN : silentDays / 60)),
  silentDays: Uint16Array.from(rows, ({ silentDays }) => silentDays),
  happened: Uint8Array.from(rows, ({ happened }) => Number(happened)),
};

describe('a report', () => {
  const strata = reportOf(scored);
  const of = (name: string) => strata.find(({ stratum }) => stratum === name) ?? expect.fail(name);

  it('has figures per range of silence, with their counts', () => {
    expect(strata.map(({ stratum, snapshots, stayedAway }) => [stratum, snapshots, stayedAway])).toEqual([
      ['all', 80, 0.5],
      ['0-30', 60, 0.4],
      ['0-6', 20, 0.2],
      ['7-13', 20, 0.4],
      ['14-30', 20, 0.6],
      ['31+', 20, 0.8],
    ]);
    expect(of('7-13')).toMatchObject({ model: { auc: 1 }, silence: { auc: 0.5 }, formula: { auc: 0.5 } });
    expect(of('0-30').silence.auc).toBeGreaterThan(0.5);
  });

  it('leaves out of the figures of the formula who has none', () => {
    expect(of('all').formula.score?.uncertainty).toBeCloseTo(0.25, 12);
    const none = reportOf({ ...scored, formula: scored.formula.map(() => Number.NaN) });
    expect(none[0]?.formula).toEqual({ auc: null, calibrationError: null, score: null });
  });

  it('has tenths from the lowest S to the highest, with their lift', () => {
    const { deciles } = of('7-13');
    expect(deciles.map(({ observed }) => observed)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(deciles[9]).toEqual({ snapshots: 2, predicted: expect.closeTo(0.925, 12), observed: 1, lift: 2.5 });
  });

  it('has what each threshold would find', () => {
    const { thresholds } = of('7-13');
    expect(thresholds.find(({ threshold }) => threshold === 0.5)).toEqual({
      threshold: 0.5,
      flagged: 0.5,
      precision: 0.8,
      recall: 1,
    });
    expect(thresholds.find(({ threshold }) => threshold === 0.8)).toMatchObject({ precision: 1, recall: 0.5 });
  });

  it('has empty strata without snapshots', () => {
    const [all] = reportOf({
      model: new Float64Array(),
      formula: new Float64Array(),
      silentDays: new Uint16Array(),
      happened: new Uint8Array(),
    });
    expect(all).toMatchObject({ snapshots: 0, stayedAway: null, deciles: [], model: { auc: null, score: null } });
  });
});

describe('S by the formula at an as-of', () => {
  const day = (date: string) => Date.parse(date) / 86_400_000;
  const exams = (...dates: string[]) => ({
    at: dates.map((date) => Date.parse(date) / 1_000),
    sessions: dates.map((_, i) => `s-${i}`),
  });
  const asOf = day('2026-03-16');

  it('is that of the specification', () => {
    const three = exams('2026-03-01', '2026-03-03', '2026-03-05');
    expect(formulaAt(asOf, day('2026-03-05'), three, 14)).toBeCloseTo(0.647_857_142_857_142_9, 14);
  });

  it('counts the exams of 56 days, and none after the as-of', () => {
    const others = exams('2026-01-19', '2026-03-01', '2026-03-03', '2026-03-05', '2026-03-16T00:00:01Z');
    expect(formulaAt(asOf, day('2026-03-05'), others, 14)).toBeCloseTo(0.647_857_142_857_142_9, 14);
    expect(formulaAt(asOf, day('2026-03-05'), exams('2026-01-20'), 14)).toBe(0.6 * (11 / 14) + 0.15 * 0.9);
    expect(formulaAt(asOf, day('2026-03-05'), undefined, 14)).toBe(0.6 * (11 / 14) + 0.25 + 0.15);
  });
});
