import { instantArray, textArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Ability } from '../figures/goal-probability.ts';
import type { KpiLearner } from './goal-store.ts';

interface AbilityRow extends Ability {
  readonly position: number;
}

type AbilitiesByPosition = ReadonlyMap<number, Ability>;

/**
 * The rows of `ability_estimates` that P is read from, one per learner, by the learner's position. The date of a row is
 * the first of fitted_at, updated_at and created_at. The table has no key: among rows of one date the one with the
 * smaller sd comes first, then the one with the smaller mean, so that the result does not depend on their physical order.
 */
export async function newestUsableAbilities(
  source: Queryable,
  learners: readonly KpiLearner[],
): Promise<AbilitiesByPosition> {
  // Postgres sorts NaN above infinity, so "below infinity" leaves both out.
  const { rows } = await source.query<AbilityRow>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int - 1 AS position, ability.mean, ability.sd
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS learner (user_id, as_of, position)
JOIN (
  SELECT user_id, mean, sd, coalesce(fitted_at, updated_at, created_at) AS at
  FROM ability_estimates WHERE user_id = ANY ($1)
) AS ability ON ability.user_id = learner.user_id
  AND (ability.at <= learner.as_of OR ability.at IS NULL)
  AND ability.mean > '-infinity' AND ability.mean < 'infinity'
  AND ability.sd > 0 AND ability.sd < 'infinity'
ORDER BY learner.position, ability.at DESC NULLS LAST, ability.sd, ability.mean`,
    values: [textArray(learners.map(({ userId }) => userId)), instantArray(learners.map(({ asOf }) => asOf))],
  });
  return byPosition(rows);
}

/** As {@link newestUsableAbilities}, but from all rows, usable or not and of any date, undated ones first. */
export async function newestAbilities(
  source: Queryable,
  learners: readonly KpiLearner[],
): Promise<AbilitiesByPosition> {
  const { rows } = await source.query<AbilityRow>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int - 1 AS position, ability.mean, ability.sd
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN ability_estimates AS ability ON ability.user_id = learner.user_id AND ability.user_id = ANY ($1)
ORDER BY learner.position, coalesce(ability.fitted_at, ability.updated_at, ability.created_at) DESC NULLS FIRST,
  ability.sd, ability.mean`,
    values: [textArray(learners.map(({ userId }) => userId))],
  });
  return byPosition(rows);
}

function byPosition(rows: readonly AbilityRow[]): AbilitiesByPosition {
  return new Map(rows.map(({ position, mean, sd }) => [position, { mean, sd }]));
}
