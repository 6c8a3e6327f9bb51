import cdf from '@stdlib/stats-base-dists-normal-cdf';
import { clamp } from './clamp.ts';
import type { MetricsPolicy } from './policy.ts';

/** A learner's ability from a row of `ability_estimates`: N(mean, sd²) on the scale of the target. */
export interface Ability {
  readonly mean: number | null;
  readonly sd: number | null;
}

/**
 * P, the probability of reaching the goal: `clamp(1 − Φ((target − mean) / sd))`, within [0, 1], Φ to 1e-12.
 *
 * `ability` is the row that the policy chooses (see {@link MetricsPolicy.abilityRow}), `target` the goal's level in the
 * same unit. Null without a row, if its mean or sd is null, or if its sd is not above 0; and, unless the policy takes the
 * newest row as it is, if one of them is not finite.
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
  if (policy.abilityRow === 'newest_usable' && !(Number.isFinite(mean) && Number.isFinite(sd))) return null;
  const probability = clamp(1 - cdf((target - mean) / sd, 0, 1));
  return Number.isNaN(probability) ? null : probability;
}
