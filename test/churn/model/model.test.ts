import { describe, expect, it } from 'vitest';
import { FEATURE_COUNT, FEATURES } from '../../../src/churn/model/features.ts';
import {
  type ChurnModelBody,
  createScorer,
  modelText,
  parseModel,
  STRATA,
  stratumOf,
  withHash,
} from '../../../src/churn/model/model.ts';
import { must } from '../../../src/runtime/must.ts';

const FIGURES = { snapshots: 4, happened: 1, auc: 0.75, calibration_error: 0.1, brier: 0.2, silence_auc: null };
const BODY: ChurnModelBody = {
  format: 'lastseen-churn-model/1',
  horizon_days: 14,
  trained: { from: '2025-01-01', to: '2025-06-30', learners: 10, snapshots: 40, ridge: 10 },
  strata: STRATA.map(({ name }, s) => ({
    stratum: name,
    intercept: s / 3,
    coefficients: Object.fromEntries(
      FEATURES.map((feature, i) => [feature.name, { mean: i / 7, spread: 1 + i / 11, weight: (s - i) / 13 }]),
    ),
  })),
  tested: { learners: { all: FIGURES }, time: { all: FIGURES } },
};
const model = withHash(BODY);
const changed = (change: (copy: Record<string, unknown>) => void) => {
  const copy = JSON.parse(modelText(model)) as Record<string, unknown>;
  change(copy);
  return JSON.stringify(copy);
};

describe('a model file', () => {
  it('is read as it was written, to the last bit', () => {
    expect(parseModel(modelText(model))).toEqual(model);
    expect(parseModel(modelText(model, 1))).toEqual(model);
    const { strata, ...others } = model;
    expect(parseModel(modelText({ strata, ...others })), 'in another order').toEqual(model);
  });

  it.each<[string, string, RegExp]>([
    ['is cut', modelText(model).slice(0, -9), /^it is no JSON$/],
    ['is empty', '', /^it is no JSON$/],
    ['is other JSON', '[]', /^it is no model of lastseen: the file: /],
    [
      'has another format',
      changed((copy) => Object.assign(copy, { format: 'lastseen-churn-model/2' })),
      /^it is no model of lastseen: format: /,
    ],
    [
      'has a field that is not known',
      changed((copy) => Object.assign(copy, { note: '' })),
      /^it is no model of lastseen: .*note/,
    ],
    [
      'was changed by hand',
      changed((copy) => Object.assign(copy, { horizon_days: 7 })),
      /^its content does not match its hash/,
    ],
    [
      'has other strata',
      modelText(withHash({ ...BODY, strata: BODY.strata.slice(1) })),
      /^it has the strata 7-13,14-30,31\+, not 0-6,7-13,14-30,31\+$/,
    ],
    [
      'lacks a feature',
      modelText(withHash({ ...BODY, strata: BODY.strata.map(without('tenure')) })),
      /^stratum 0-6 lacks feature tenure: it is of another release$/,
    ],
    [
      'has a feature of another release',
      modelText(withHash({ ...BODY, strata: BODY.strata.map(withMore('mood')) })),
      /^stratum 0-6 has the unknown feature mood: it is of another release$/,
    ],
  ])('that %s is refused with one line', (_, text, message) => {
    expect(() => parseModel(text)).toThrow(message);
  });
});

type Stratum = ChurnModelBody['strata'][number];

function without(name: string) {
  return (stratum: Stratum): Stratum => ({
    ...stratum,
    coefficients: Object.fromEntries(Object.entries(stratum.coefficients).filter(([each]) => each !== name)),
  });
}

function withMore(name: string) {
  return (stratum: Stratum): Stratum => ({
    ...stratum,
    coefficients: { ...stratum.coefficients, [name]: { mean: 0, spread: 1, weight: 1 } },
  });
}

describe('S of a model', () => {
  it('is the logistic function of the weighted features of its stratum', () => {
    const score = createScorer(model);
    const features = Float64Array.from({ length: FEATURE_COUNT + 3 }, (_, i) => Math.sin(i));
    for (const silentDays of [0, 6, 7, 13, 14, 30, 31, 400]) {
      const { intercept, coefficients } = must(BODY.strata[stratumOf(silentDays)], 'each silence has a stratum');
      const logit = FEATURES.reduce((sum, { name }, i) => {
        const { mean, spread, weight } = must(coefficients[name], 'the model has all features');
        return sum + (weight * ((features[3 + i] ?? 0) - mean)) / spread;
      }, intercept);
      expect(score(features, 3, silentDays)).toBeCloseTo(1 / (1 + Math.exp(-logit)), 12);
    }
  });

  it('is of the stratum that the days of silence are in', () => {
    expect([0, 6, 7, 13, 14, 30, 31, 9_999].map(stratumOf)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });
});
