import { chanceAtOrAbove, type GoalFigure, type GoalInputs } from './goal-figure.ts';
import { type Observation, usableObservations } from './growth-model.ts';

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
  figure: GoalFigure,
  inputs: Pick<GoalInputs, 'ability' | 'observations' | 'target' | 'asOf'>,
): ProbabilityInterval | null {
  if (figure.p === null) return null;
  const observations = usableObservations(inputs.observations, inputs.asOf);
  const insufficientData = new Set(observations.map(({ at }) => at)).size < 3;
  const normal = figure.posterior ?? usableAbility(inputs);
  if (normal === null) return { low: 0, high: 1, insufficientData };
  const u = figure.posterior === null ? spreadOf(observations, normal.sd) : normal.sd;
  const chance = (quantile: number) =>
    chanceAtOrAbove(inputs.target, { mean: normal.mean + quantile * u, sd: normal.sd });
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
