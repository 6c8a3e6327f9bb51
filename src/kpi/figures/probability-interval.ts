import { chanceAtOrAbove, type GoalFigure, type GoalInputs } from './goal-figure.ts';
import { type Observation, usableObservations } from './growth-model.ts';

/** How far P may be off. Told beside the figure, never stored in `weekly_kpi`. */
export interface ProbabilityInterval {
  readonly low: number;
  readonly high: number;
  /** Fewer than three instants with a usable ability row in the 26 weeks up to the as-of: too little to act on alone. */
  readonly insufficientData: boolean;
}

/**
 * The 90 % interval of P: the figure's own rule, with the ability moved by its uncertainty's 5 % and 95 % quantiles:
 * `[Φ((ability − 1.645·u − target) / sd), Φ((ability + 1.645·u − target) / sd)]`, within [0, 1].
 *
 * - P from the learner's line: ability and sd are the posterior's at the horizon, u is the same sd.
 * - Otherwise they are the row P was read from, and u is the spread of the learner's rows: the standard deviation (n − 1)
 *   of the means of the usable dated rows of the 26 weeks up to the as-of; of fewer than two rows the row's own sd.
 *
 * A P that came from elsewhere (stored, or the growth service) need not lie within what the rows say: the interval is
 * widened to hold it, and is [0, 1] where there is no usable row. Null where P is.
 */
export function probabilityInterval(
  figure: GoalFigure,
  inputs: Pick<GoalInputs, 'ability' | 'observations' | 'target' | 'asOf'>,
): ProbabilityInterval | null {
  if (figure.p === null) return null;
  const observations = usableObservations(inputs.observations, inputs.asOf);
  const insufficientData = new Set(observations.map(({ at }) => at)).size < 3;
  const standing = figure.posterior ?? usableAbility(inputs);
  if (standing === null) return { low: 0, high: 1, insufficientData };
  const u = figure.posterior === null ? spreadOf(observations, standing.sd) : standing.sd;
  const chance = (quantile: number) =>
    chanceAtOrAbove(inputs.target, { mean: standing.mean + quantile * u, sd: standing.sd });
  return {
    low: Math.min(chance(-QUANTILE), figure.p),
    high: Math.max(chance(QUANTILE), figure.p),
    insufficientData,
  };
}

/** Φ⁻¹(0.95). */
const QUANTILE = 1.6448536269514722;

function usableAbility({
  ability,
}: Pick<GoalInputs, 'ability'>): { readonly mean: number; readonly sd: number } | null {
  if (ability === null || ability.mean === null || ability.sd === null) return null;
  const { mean, sd } = ability;
  return Number.isFinite(mean) && Number.isFinite(sd) && sd > 0 ? { mean, sd } : null;
}

function spreadOf(observations: readonly Observation[], ownSd: number): number {
  const n = observations.length;
  if (n < 2) return ownSd;
  const mean = observations.reduce((sum, each) => sum + each.mean / n, 0);
  const variance = observations.reduce((sum, each) => sum + (each.mean - mean) ** 2 / (n - 1), 0);
  return Number.isFinite(variance) ? Math.sqrt(variance) : ownSd;
}
