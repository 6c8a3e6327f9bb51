import { execFileSync } from 'node:child_process';
import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../src/churn/model/evaluation.ts';
import { addRow, emptySums, logistic, newtonStep } from '../../../src/churn/model/logistic.ts';
import { splitScore } from '../../../src/churn/model/score-split.ts';
import { createRandom } from '../../../stack/random.ts';

interface Rows {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly boolean[];
}

function sumsAt({ x, y }: Rows, weights: Float64Array) {
  const sums = emptySums(weights.length - 1);
  for (const [i, row] of x.entries())
    addRow(sums, weights, { scaled: Float64Array.from(row), at: 0, happened: y[i] === true });
  return sums;
}

function optimum(rows: Rows, ridge: number): Float64Array {
  let weights: Float64Array = new Float64Array((rows.x[0]?.length ?? 0) + 1);
  for (let step = 0; step < 50; step++) {
    const next = newtonStep(sumsAt(rows, weights), weights, ridge);
    weights = next.weights;
    if (next.change < 1e-12) return weights;
  }
  throw new Error('the fit did not converge');
}

/** Rows of a known model, with features that are correlated. */
function generated(count: number, seed: string): Rows {
  const next = createRandom(seed);
  const x = Array.from({ length: count }, () => {
    const common = next() - 0.5;
    return [common + next() - 0.5, common + next() - 0.5, next() < 0.3 ? 1 : 0, 4 * (next() - 0.5)];
  });
  const y = x.map(([a = 0, b = 0, c = 0]) => next() < logistic(2 * a - b + c - 0.7));
  return { x, y };
}

describe('logistic regression', () => {
  it('ends where the slope of the penalized loss is 0', () => {
    const rows = generated(500, 'slope');
    const ridge = 3;
    const weights = optimum(rows, ridge);
    for (const [i, slope] of sumsAt(rows, weights).gradient.entries())
      expect(slope + (i === 0 ? 0 : ridge * (weights[i] ?? 0))).toBeCloseTo(0, 8);
  });

  it('converges if one feature separates all outcomes, and if there is one outcome only', () => {
    const x = Array.from({ length: 50 }, (_, i) => [i < 25 ? -1 : 1]);
    const [, slope = 0] = optimum({ x, y: x.map(([v = 0]) => v > 0) }, 1);
    expect(slope).toBeGreaterThan(1);
    expect(slope).toBeLessThan(10);
    expect(optimum({ x: [[0], [1], [0]], y: [true, false, true] }, 1).every(Number.isFinite)).toBe(true);
  });

  it('needs rows', () => {
    expect(() => newtonStep(emptySums(1), new Float64Array(2), 1)).toThrow('a fit needs at least one row');
  });

  it('has probabilities between 0 and 1, which add up to 1', () => {
    fc.assert(
      fc.property(fc.double({ min: -800, max: 800, noNaN: true }), (logit) => {
        expect(logistic(logit) + logistic(-logit)).toBeCloseTo(1, 12);
      }),
    );
  });
});

/** A Python with scikit-learn, for the comparison. */
const PYTHON = process.env['PYTHON'] ?? 'python3';

function hasScikitLearn(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import sklearn'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(`${PYTHON} has no scikit-learn (set PYTHON): the comparison with it is skipped`);
    return false;
  }
}

const COMPARISON = `
import json, sys
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
given = json.load(sys.stdin)
x, y = np.array(given["x"]), np.array(given["y"])
model = LogisticRegression(C=1 / given["ridge"], solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
p = model.predict_proba(x)[:, 1]
scores = np.round(p, 2)
recalibrated = IsotonicRegression().fit_transform(scores, y)
print(json.dumps({"isotonic": brier_score_loss(y, recalibrated), "rounded": brier_score_loss(y, scores), "weights": [model.intercept_[0], *model.coef_[0]],
  "auc": roc_auc_score(y, p), "brier": brier_score_loss(y, p)}))`;

describe.runIf(hasScikitLearn())('scikit-learn', () => {
  it.each([0.5, 10])('gives the same coefficients to 1e-6 and figures to 1e-9, with ridge %d', (ridge) => {
    const rows = generated(2_000, 'comparison');
    const theirs = JSON.parse(
      execFileSync(PYTHON, ['-c', COMPARISON], { input: JSON.stringify({ ...rows, ridge }), encoding: 'utf8' }),
    ) as {
      readonly weights: readonly number[];
      readonly auc: number;
      readonly brier: number;
      readonly isotonic: number;
      readonly rounded: number;
    };
    const weights = optimum(rows, ridge);
    for (const [i, weight] of weights.entries()) expect(Math.abs(weight - (theirs.weights[i] ?? 0))).toBeLessThan(1e-6);
    const predicted = rows.x.map((row) =>
      logistic(row.reduce((sum, value, i) => sum + value * (weights[i + 1] ?? 0), weights[0] ?? 0)),
    );
    const { auc, brier } = evaluate(Float64Array.from(predicted), Uint8Array.from(rows.y.map(Number)));
    expect(Math.abs((auc ?? 0) - theirs.auc)).toBeLessThan(1e-9);
    expect(Math.abs((brier ?? 0) - theirs.brier)).toBeLessThan(1e-9);
    const split = splitScore(
      Float64Array.from(predicted, (p) => Math.round(100 * p) / 100),
      Uint8Array.from(rows.y.map(Number)),
    );
    expect(Math.abs((split?.brier ?? 0) - theirs.rounded)).toBeLessThan(1e-9);
    expect(Math.abs((split?.miscalibration ?? 0) - (theirs.rounded - theirs.isotonic))).toBeLessThan(1e-9);
  });
});
