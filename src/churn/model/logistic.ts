import { CholeskyDecomposition, Matrix } from 'ml-matrix';

/**
 * Sums over labelled rows that one step of the fit needs. Its size does not depend on the number of rows, so rows may be read
 * from a file at each step.
 */
export interface NewtonSums {
  rows: number;
  /** Negative log likelihood of the rows. */
  loss: number;
  /** Of the intercept, then of each feature. */
  readonly gradient: Float64Array;
  /** Row by row, lower triangle only. */
  readonly hessian: Float64Array;
}

export function emptySums(features: number): NewtonSums {
  const size = features + 1;
  return { rows: 0, loss: 0, gradient: new Float64Array(size), hessian: new Float64Array(size * size) };
}

/** Adds one row: its scaled features from `at` on, and whether the event happened. */
export function addRow(
  sums: NewtonSums,
  weights: Float64Array,
  { scaled, at, happened }: { readonly scaled: Float64Array; readonly at: number; readonly happened: boolean },
): void {
  const size = weights.length;
  let margin = weights[0] ?? 0;
  for (let i = 1; i < size; i++) margin += (weights[i] ?? 0) * (scaled[at + i - 1] ?? 0);
  const p = logistic(margin);
  const error = p - (happened ? 1 : 0);
  const curvature = p * (1 - p);
  sums.rows++;
  sums.loss += happened ? softplus(-margin) : softplus(margin);
  for (let i = 0; i < size; i++) {
    const x = i === 0 ? 1 : (scaled[at + i - 1] ?? 0);
    sums.gradient[i] = (sums.gradient[i] ?? 0) + error * x;
    const c = curvature * x;
    const row = i * size;
    sums.hessian[row] = (sums.hessian[row] ?? 0) + c;
    for (let j = 1; j <= i; j++) sums.hessian[row + j] = (sums.hessian[row + j] ?? 0) + c * (scaled[at + j - 1] ?? 0);
  }
}

/**
 * One Newton step of logistic regression with a ridge on all weights but the intercept: minimizes
 * `loss + ridge/2 · Σ weights²`. Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 4.4.1.
 *
 * @returns the new weights, and the largest change of one
 * @throws Error if the sums have no rows
 */
export function newtonStep(
  { rows, gradient, hessian }: NewtonSums,
  weights: Float64Array,
  ridge: number,
): { readonly weights: Float64Array; readonly change: number } {
  if (rows === 0) throw new Error('a fit needs at least one row');
  const size = weights.length;
  const curvature = new Matrix(size, size);
  const slope = new Matrix(size, 1);
  for (let i = 0; i < size; i++) {
    const penalty = i === 0 ? 0 : ridge;
    slope.set(i, 0, (gradient[i] ?? 0) + penalty * (weights[i] ?? 0));
    for (let j = 0; j <= i; j++) {
      const value = (hessian[i * size + j] ?? 0) + (i === j ? penalty + TINY : 0);
      curvature.set(i, j, value);
      curvature.set(j, i, value);
    }
  }
  const step = new CholeskyDecomposition(curvature).solve(slope);
  const next = weights.map((weight, i) => weight - step.get(i, 0));
  return { weights: next, change: Math.max(...next.map((weight, i) => Math.abs(weight - (weights[i] ?? 0)))) };
}

/** Keeps the intercept's curvature above 0 if all rows have the same outcome. */
const TINY = 1e-9;

export function logistic(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** log(1 + e^x), without overflow. */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}
