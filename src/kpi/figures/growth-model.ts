import { type Instant, MICROS_PER_DAY, startOfIsoWeek } from '../../activity/instant.ts';

/** The fit of `score ~ week + (week | student)`: the population's line, and the deviations of learners and scores. */
export interface GrowthParameters {
  readonly level: number;
  readonly weeklyGrowth: number;
  readonly sdLevel: number;
  readonly sdWeeklyGrowth: number;
  readonly sigma: number;
}

/** A dated row of `ability_estimates`. It is usable if its mean is finite and its sd is finite and above 0. */
export interface Observation {
  readonly at: Instant;
  readonly mean: number;
  readonly sd: number;
}

/** The posterior of a learner's line at one instant: N(mean, sd²), on the scale of the target. */
export interface LinePosterior {
  readonly mean: number;
  readonly sd: number;
}

/**
 * Reads `growth_brms_meta.posterior_summary`, JSON text: each parameter is a number or an object with a number
 * `Estimate`. Null if one is missing or not finite, or a deviation is below 0.
 */
export function growthParameters(posteriorSummary: string): GrowthParameters | null {
  const summary = parsed(posteriorSummary);
  const level = estimateOf(summary?.['b_Intercept']);
  const weeklyGrowth = estimateOf(summary?.['b_week']);
  const sdLevel = estimateOf(summary?.['sd_student__Intercept']);
  const sdWeeklyGrowth = estimateOf(summary?.['sd_student__week']);
  const sigma = estimateOf(summary?.['sigma']);
  if (level === null || weeklyGrowth === null || sdLevel === null || sdWeeklyGrowth === null || sigma === null) {
    return null;
  }
  if (sdLevel < 0 || sdWeeklyGrowth < 0 || sigma < 0) return null;
  return { level, weeklyGrowth, sdLevel, sdWeeklyGrowth, sigma };
}

const WEEK = 7n * MICROS_PER_DAY;

/**
 * The learner's line at the as-of + `horizonDays` by conjugate normal updating, in closed form.
 *
 * Prior: level ~ N(level, sdLevel²), weekly growth ~ N(weeklyGrowth, sdWeeklyGrowth²), independent. Observations: usable
 * rows at w weeks (fractions kept) after the Monday of the earliest, each of variance sd² + sigma². Null without an
 * observation, because the weeks then have no start, and if a number overflows.
 *
 * With p, q the prior variances, v the observations' and t the weeks at the horizon, the posterior covariance
 * `(diag(p, q)⁻¹ + Σ (1,w)(1,w)ᵀ/v)⁻¹` is written without the inverse of the prior, so that p or q may be 0, and the
 * line's variance as a sum of terms that are not below 0, so that nothing cancels:
 * `(p + q·t² + p·q·Σ (w−t)²/v) / det`, `det = 1 + p·Σ 1/v + q·Σ w²/v + p·q·Σ 1/v·Σ (w−w̄)²/v`.
 *
 * Source: Bayesian linear regression with known variances.
 */
export function lineAtHorizon(
  { level, weeklyGrowth, sdLevel, sdWeeklyGrowth, sigma }: GrowthParameters,
  observations: readonly Observation[],
  asOf: Instant,
  horizonDays: number,
): LinePosterior | null {
  const [first] = observations;
  if (first === undefined) return null;
  const earliest = observations.reduce((least, { at }) => (at < least ? at : least), first.at);
  const monday = startOfIsoWeek(earliest);
  const weeksAt = (at: Instant) => Number(at - monday) / Number(WEEK);
  const points = observations.map(({ at, mean, sd }) => {
    const w = weeksAt(at);
    return { w, precision: 1 / (sd * sd + sigma * sigma), residual: mean - (level + weeklyGrowth * w) };
  });
  const t = weeksAt(asOf) + horizonDays / 7;
  const p = sdLevel * sdLevel;
  const q = sdWeeklyGrowth * sdWeeklyGrowth;

  const total = sum(points, ({ precision }) => precision);
  const center = sum(points, ({ w, precision }) => w * precision) / total;
  const around = (middle: number) => sum(points, ({ w, precision }) => (w - middle) ** 2 * precision);
  const det = 1 + p * total + q * around(0) + p * q * total * around(center);
  const variance = (p + q * t * t + p * q * around(t)) / det;

  // The posterior covariance of level and growth, times det.
  const varLevel = p * (1 + q * around(0));
  const covariance = -p * q * center * total;
  const varGrowth = q * (1 + p * total);
  const pull = sum(points, ({ precision, residual }) => residual * precision);
  const tilt = sum(points, ({ w, precision, residual }) => w * residual * precision);
  const shift = ((varLevel + t * covariance) * pull + (covariance + t * varGrowth) * tilt) / det;
  const mean = level + weeklyGrowth * t + shift;
  return Number.isFinite(mean) && Number.isFinite(variance) ? { mean, sd: Math.sqrt(variance) } : null;
}

function sum<T>(values: readonly T[], term: (value: T) => number): number {
  return values.reduce((total, value) => total + term(value), 0);
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function estimateOf(value: unknown): number | null {
  const estimate = isObject(value) ? value['Estimate'] : value;
  return typeof estimate === 'number' && Number.isFinite(estimate) ? estimate : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
