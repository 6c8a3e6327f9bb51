import cdf from '@stdlib/stats-base-dists-normal-cdf';
import type { Instant } from '../../activity/instant.ts';
import { clamp, numberOf, observationWindow, rowsIn } from './figure.ts';
import { growthParameters, type LinePosterior, lineAtHorizon, type Observation } from './growth-model.ts';
import type { MetricsPolicy } from './policy.ts';

/** A learner's ability from a row of `ability_estimates`: N(mean, sd²) on the scale of the target. */
export interface Ability {
  readonly mean: number | null;
  readonly sd: number | null;
}

export interface GoalInputs {
  readonly asOf: Instant;
  /** The goal's level, on the scale of the abilities. */
  readonly target: number;
  /** The row that the policy chooses (see {@link MetricsPolicy.abilityRow}). */
  readonly ability: Ability | null;
  /** At least the dated ability rows of the {@link observationWindow}; rows outside or unusable are left out. */
  readonly observations: readonly Observation[];
  /** What the growth model needs; null with `METRICS_USE_BAYESIAN=false`. */
  readonly growth: GrowthInputs | null;
}

export interface GrowthInputs {
  /** `posterior_summary` of the newest fit not after the as-of, JSON text; null without a fit. */
  readonly posteriorSummary: string | null;
  /** `kpis ->> 'P'` of the learner's newest weekly row that has one; read only if the policy uses it. */
  readonly storedP: string | null;
  /** The newest row of any sd, undated ones first, that has a mean; used by the rule `newest_row` only. */
  readonly newestWithMean: Ability | null;
  /** What the growth service answered to the {@link predictionQuestion}; null if it was not asked or failed. */
  readonly predicted: number | null;
  readonly horizonDays: number;
}

/** Where P came from. `newest_row`: the growth rule of the legacy policy; `normal`: the rule without a growth model. */
type GoalRule = 'stored' | 'predicted' | 'line' | 'newest_row' | 'normal';

export interface GoalFigure {
  /** P, within [0, 1]; null if it cannot be computed. */
  readonly p: number | null;
  readonly rule: GoalRule;
  /** The learner's line at the horizon, if P was read from it. */
  readonly posterior: LinePosterior | null;
}

/** The rows of `ability_estimates` that a policy may read P from. */
export interface AbilityRows {
  readonly newest: Ability | null;
  readonly newestUsable: Ability | null;
}

export function chosenAbility(rows: AbilityRows, policy: Pick<MetricsPolicy, 'abilityRow'>): Ability | null {
  switch (policy.abilityRow) {
    case 'newest_usable':
      return rows.newestUsable;
    case 'newest':
      return rows.newest;
  }
}

type GoalPolicy = Pick<MetricsPolicy, 'abilityRow' | 'storedProbability' | 'growthFit'>;

/**
 * P, the probability of reaching the goal, in every mode. The first rule that applies:
 *
 * 1. legacy policy: the stored P, if it reads as a number, clamped; NaN counts as 1
 * 2. if there is a growth fit: what the growth service predicted, if that is a probability; else P(line ≥ target), the
 *    line being the learner's at the as-of + `horizonDays` (legacy policy: `clamp(Φ(−z))`, z = (target − mean) /
 *    max(sd, 1e-6), of the newest row with a mean; null without one)
 * 3. the normal rule, {@link goalProbability}; the only rule if the growth model is off
 *
 * Rule 3 also applies if the fit lacks a parameter or the learner has no observation (legacy policy: if the fit is
 * empty). All on the target's scale.
 */
export function goalFigure(inputs: GoalInputs, policy: GoalPolicy): GoalFigure {
  return (
    (inputs.growth === null ? null : byGrowth(inputs, inputs.growth, policy)) ??
    figure('normal', goalProbability(inputs.ability, inputs.target, policy))
  );
}

function figure(rule: GoalRule, p: number | null): GoalFigure {
  return { p, rule, posterior: null };
}

/**
 * The normal rule of P: `clamp(1 − Φ((target − mean) / sd))`, within [0, 1], Φ to 1e-12.
 *
 * Null without a row, if its mean or sd is null, or if its sd is not above 0; and, unless the policy takes the newest row
 * as it is, if one of them is not finite.
 *
 * Source: the goal's margin under a normal ability, as in item response theory.
 */
export function goalProbability(
  ability: Ability | null,
  target: number,
  policy: Pick<MetricsPolicy, 'abilityRow'>,
): number | null {
  if (ability === null) return null;
  const { mean, sd } = ability;
  if (mean === null || sd === null || !(sd > 0)) return null;
  if (policy.abilityRow === 'newest_usable' && usable(ability) === null) return null;
  const probability = clamp(1 - cdf((target - mean) / sd, 0, 1));
  return Number.isNaN(probability) ? null : probability;
}

function usable(ability: Ability | null): LinePosterior | null {
  if (ability === null || ability.mean === null || ability.sd === null) return null;
  const { mean, sd } = ability;
  return Number.isFinite(mean) && Number.isFinite(sd) && sd > 0 ? { mean, sd } : null;
}

function byGrowth(inputs: GoalInputs, growth: GrowthInputs, policy: GoalPolicy): GoalFigure | null {
  const stored = storedProbability(growth, policy);
  if (stored !== null) return figure('stored', stored);
  if (growth.posteriorSummary === null) return null;
  if (growth.predicted !== null && growth.predicted >= 0 && growth.predicted <= 1) {
    return figure('predicted', growth.predicted);
  }
  switch (policy.growthFit) {
    case 'line':
      return byLine(inputs, growth, growth.posteriorSummary);
    case 'newest_row':
      if (EMPTY_JSON.has(growth.posteriorSummary)) return null;
      return figure('newest_row', byNewestRow(growth.newestWithMean, inputs.target, policy));
  }
}

/** A `posterior_summary` that the previous job, in Python, took as missing, in the spelling of Postgres' jsonb. */
const EMPTY_JSON: ReadonlySet<string> = new Set(['null', '{}', '[]', '""', '0', 'false']);

function storedProbability({ storedP }: GrowthInputs, policy: Pick<MetricsPolicy, 'storedProbability'>): number | null {
  switch (policy.storedProbability) {
    case 'never':
      return null;
    case 'first': {
      if (storedP === null) return null;
      const stored = /^\s*[+-]?nan\s*$/i.test(storedP) ? 1 : numberOf(storedP);
      return stored === null ? null : clamp(stored);
    }
  }
}

function byLine(inputs: GoalInputs, { horizonDays }: GrowthInputs, posteriorSummary: string): GoalFigure | null {
  const parameters = growthParameters(posteriorSummary);
  if (parameters === null) return null;
  const posterior = lineAtHorizon(parameters, usableObservations(inputs), inputs.asOf, horizonDays);
  return posterior && { p: chanceAtOrAbove(inputs.target, posterior), rule: 'line', posterior };
}

/** The sd is at least 1e-6, also if it is null or not a number. */
function byNewestRow(row: Ability | null, target: number, policy: Pick<MetricsPolicy, 'abilityRow'>): number | null {
  return row && goalProbability({ mean: row.mean, sd: Math.max(row.sd || 0, 1e-6) }, target, policy);
}

/** P(X ≥ target) for X ~ N(mean, sd²); with sd 0, X is the mean. */
export function chanceAtOrAbove(target: number, { mean, sd }: LinePosterior): number {
  if (sd === 0) return mean >= target ? 1 : 0;
  return clamp(1 - cdf((target - mean) / sd, 0, 1));
}

/** What `POST /growth/predict` is sent: an ability N(mean, sd²) and the goal's level, in one unit. */
export interface PredictionQuestion extends LinePosterior {
  readonly target: number;
}

/**
 * The question to the growth service, whose answer becomes an input of {@link goalFigure}. Null if the answer would not
 * be used (no growth model, no fit, a stored P first) or there is no usable row to ask with.
 */
export function predictionQuestion(
  { ability, target, growth }: GoalInputs,
  policy: GoalPolicy,
): PredictionQuestion | null {
  if (growth === null || growth.posteriorSummary === null || storedProbability(growth, policy) !== null) return null;
  const row = usable(ability);
  return row && { ...row, target };
}

/** How far P may be off. Published with the figure, never stored in `weekly_kpi`. */
export interface ProbabilityInterval {
  readonly low: number;
  readonly high: number;
  /** Fewer than three instants with a usable ability row in the 26 weeks up to the as-of. */
  readonly insufficientData: boolean;
}

/**
 * The 90 % interval of P: the rule of P, with the ability moved by the 5 % and 95 % quantiles of its uncertainty u:
 * `[Φ((ability − 1.645·u − target) / sd), Φ((ability + 1.645·u − target) / sd)]`, within [0, 1].
 *
 * - P from the learner's line: ability and sd are those of the posterior at the horizon, and u is the same sd.
 * - Otherwise they are those of the row that P was read from, and u is the spread of the learner's rows: the standard
 *   deviation (n − 1) of the means of the usable dated rows of the 26 weeks up to the as-of. With fewer than two rows, u
 *   is the row's own sd.
 *
 * A P that was stored or that the growth service predicted may lie outside: the interval is widened to include it. It is
 * [0, 1] without a usable row, and null if P is null.
 */
export function probabilityInterval(
  { p, posterior }: GoalFigure,
  inputs: Pick<GoalInputs, 'ability' | 'observations' | 'target' | 'asOf'>,
): ProbabilityInterval | null {
  if (p === null) return null;
  const observations = usableObservations(inputs);
  const insufficientData = new Set(observations.map(({ at }) => at)).size < 3;
  const normal = posterior ?? usable(inputs.ability);
  if (normal === null) return { low: 0, high: 1, insufficientData };
  const { mean, sd } = normal;
  const u = posterior === null ? spreadOf(observations, sd) : sd;
  return {
    low: Math.min(chanceAtOrAbove(inputs.target, { mean: mean - QUANTILE * u, sd }), p),
    high: Math.max(chanceAtOrAbove(inputs.target, { mean: mean + QUANTILE * u, sd }), p),
    insufficientData,
  };
}

/** Φ⁻¹(0.95). */
const QUANTILE = 1.6448536269514722;

/** The observations in the window with a finite mean and a finite sd above 0. */
export function usableObservations({ observations, asOf }: Pick<GoalInputs, 'observations' | 'asOf'>): Observation[] {
  return rowsIn(observations, observationWindow(asOf)).filter((each) => usable(each) !== null);
}

function spreadOf(observations: readonly Observation[], ownSd: number): number {
  const n = observations.length;
  if (n < 2) return ownSd;
  const mean = observations.reduce((sum, each) => sum + each.mean / n, 0);
  const variance = observations.reduce((sum, each) => sum + (each.mean - mean) ** 2 / (n - 1), 0);
  return Number.isFinite(variance) ? Math.sqrt(variance) : ownSd;
}
