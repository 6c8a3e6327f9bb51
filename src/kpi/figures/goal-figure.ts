import cdf from '@stdlib/stats-base-dists-normal-cdf';
import type { Instant } from '../../activity/instant.ts';
import { clamp } from './clamp.ts';
import { numberOf } from './decimal.ts';
import { type Ability, goalProbability } from './goal-probability.ts';
import { growthParameters, type LinePosterior, lineAtHorizon, type Observation } from './growth-model.ts';
import type { MetricsPolicy } from './policy.ts';

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

type GoalPolicy = Pick<MetricsPolicy, 'abilityRow' | 'storedProbability' | 'growthFit'>;

/**
 * P, the probability of reaching the goal, in every mode. The first rule that applies:
 *
 * 1. legacy policy: the stored P, if it reads as a number, clamped
 * 2. if there is a growth fit: what the growth service predicted, if that is a probability; else P(line ≥ target), the
 *    line being the learner's at the as-of + `horizonDays` (legacy policy: `clamp(Φ(−z))`, z = (target − mean) /
 *    max(sd, 1e-6), of the chosen row, and null without a usable one)
 * 3. the normal rule, {@link goalProbability}; the only rule if the growth model is off
 *
 * Rule 3 also applies if the fit lacks a parameter or the learner has no observation. All on the target's scale.
 */
export function goalFigure(inputs: GoalInputs, policy: GoalPolicy): GoalFigure {
  return (
    (inputs.growth === null ? null : byGrowth(inputs, inputs.growth, policy)) ??
    figure('normal', goalProbability(inputs.ability, inputs.target, policy))
  );
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
      return figure('newest_row', byNewestRow(inputs, policy));
  }
}

function storedProbability({ storedP }: GrowthInputs, policy: Pick<MetricsPolicy, 'storedProbability'>): number | null {
  switch (policy.storedProbability) {
    case 'never':
      return null;
    case 'first': {
      const stored = storedP === null ? null : numberOf(storedP);
      return stored === null ? null : clamp(stored);
    }
  }
}

function byLine(inputs: GoalInputs, { horizonDays }: GrowthInputs, posteriorSummary: string): GoalFigure | null {
  const parameters = growthParameters(posteriorSummary);
  if (parameters === null) return null;
  const posterior = lineAtHorizon(parameters, inputs.observations, inputs.asOf, horizonDays);
  return posterior && { p: chanceAtOrAbove(inputs.target, posterior), rule: 'line', posterior };
}

function byNewestRow({ ability, target }: GoalInputs, policy: Pick<MetricsPolicy, 'abilityRow'>): number | null {
  if (ability === null || ability.sd === null || !(ability.sd > 0)) return null;
  return goalProbability({ mean: ability.mean, sd: Math.max(ability.sd, 1e-6) }, target, policy);
}

/** P(X ≥ target) for X ~ N(mean, sd²); with sd 0, X is the mean. */
export function chanceAtOrAbove(target: number, { mean, sd }: LinePosterior): number {
  if (sd === 0) return mean >= target ? 1 : 0;
  return clamp(1 - cdf((target - mean) / sd, 0, 1));
}

function figure(rule: GoalRule, p: number | null): GoalFigure {
  return { p, rule, posterior: null };
}

/** What `POST /growth/predict` is sent. */
export interface PredictionQuestion {
  readonly mean: number;
  readonly sd: number;
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
  if (ability === null || ability.mean === null || ability.sd === null) return null;
  const { mean, sd } = ability;
  return Number.isFinite(mean) && Number.isFinite(sd) && sd > 0 ? { mean, sd, target } : null;
}
