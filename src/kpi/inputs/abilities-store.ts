import type { Instant } from '../../activity/instant.ts';
import { instantArray, textArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { rowByItem, rowsByItem } from '../../postgres/ordinality.ts';
import type { Theta } from '../figures/answer-figures.ts';
import type { Window } from '../figures/figure.ts';
import type { Ability, AbilityRows } from '../figures/goal-probability.ts';
import type { Observation } from '../figures/growth-model.ts';

/*
 * The statements of a batch name its learners twice: in the join, which gives each their own window, and as `= ANY`, which
 * restricts a table to the batch first, through its index if it has one, independent of the planner's estimates.
 */

interface Abilities extends AbilityRows {
  readonly newestWithMean: Ability | null;
  /** The usable rows dated from `observedFrom` through the as-of. */
  readonly observations: readonly Observation[];
}

interface AbilityRow extends Ability {
  readonly position: number;
  readonly at: Instant | null;
  readonly newest: boolean;
  readonly newest_usable: boolean;
  readonly newest_with_mean: boolean;
  readonly observed: boolean;
}

/**
 * The rows of `ability_estimates` that P is computed from. The date of a row is the first of fitted_at, updated_at and
 * created_at. `newest` is the newest of all rows, undated ones first; `newestWithMean` that of the rows with a mean. Usable
 * rows are not after the as-of and have a finite mean and a finite sd above 0; `newestUsable` is the newest of them, undated
 * ones last. The table has no key: among rows of one date the one with the smaller sd comes first, then the one with the
 * smaller mean, so that the result does not depend on their physical order.
 */
export async function abilitiesOf<L extends { readonly userId: string; readonly asOf: Instant }>(
  source: Queryable,
  learners: readonly L[],
  observedFrom: (learner: L) => Instant,
): Promise<ReadonlyMap<L, Abilities>> {
  // Postgres sorts NaN above infinity, so "below infinity" excludes both.
  const { rows } = await source.query<AbilityRow>({
    text: `
SELECT position, mean, sd, at, newest, newest_usable, newest_with_mean, usable AND at >= observed_from AS observed
FROM (
  SELECT learner.position::int AS position, learner.observed_from, mean, sd, at, usable,
    row_number() OVER (PARTITION BY learner.position ORDER BY at DESC NULLS FIRST, sd, mean) = 1 AS newest,
    usable AND row_number() OVER (PARTITION BY learner.position, usable ORDER BY at DESC NULLS LAST, sd, mean) = 1
      AS newest_usable,
    has_mean AND row_number() OVER (PARTITION BY learner.position, has_mean ORDER BY at DESC NULLS FIRST, sd, mean) = 1
      AS newest_with_mean
  FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
    WITH ORDINALITY AS learner (user_id, as_of, observed_from, position)
  JOIN (
    SELECT user_id, mean, sd, coalesce(fitted_at, updated_at, created_at) AS at
    FROM ability_estimates WHERE user_id = ANY ($1)
  ) AS ability USING (user_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(at <= as_of, true) AND coalesce(
      mean > '-infinity' AND mean < 'infinity' AND sd > 0 AND sd < 'infinity', false) AS usable,
      coalesce(mean < 'NaN', false) AS has_mean
  ) AS judged
) AS ranked
WHERE newest OR newest_usable OR newest_with_mean OR (usable AND at >= observed_from)
ORDER BY position, at, mean, sd`,
    values: [
      textArray(learners.map(({ userId }) => userId)),
      instantArray(learners.map(({ asOf }) => asOf)),
      instantArray(learners.map(observedFrom)),
    ],
  });
  const abilities = [...rowsByItem(learners, rows)].map(([learner, own]): [L, Abilities] => [
    learner,
    {
      newest: abilityIn(own.find((row) => row.newest)),
      newestUsable: abilityIn(own.find((row) => row.newest_usable)),
      newestWithMean: abilityIn(own.find((row) => row.newest_with_mean)),
      observations: own.filter((row) => row.observed) as Observation[],
    },
  ]);
  return new Map(abilities);
}

function abilityIn(row: AbilityRow | undefined): Ability | null {
  return row === undefined ? null : { mean: row.mean, sd: row.sd };
}

/** The level of each learner's goal of the lowest priority number; among equal ones that of the first topic. */
export async function goalTargets<L extends { readonly userId: string }>(
  source: Queryable,
  learners: readonly L[],
): Promise<ReadonlyMap<L, { readonly target: number }>> {
  const { rows } = await source.query<{ position: number; target: number }>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int AS position, goal.target_level::float8 AS target
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN interest_goal AS goal ON goal.user_id = learner.user_id AND goal.user_id = ANY ($1) AND goal.target_level < 'NaN'
ORDER BY learner.position, goal.priority NULLS LAST, goal.topic_id COLLATE "C"`,
    values: [textArray(learners.map(({ userId }) => userId))],
  });
  return rowByItem(learners, rows);
}

interface ThetaWindow {
  readonly userId: string;
  readonly window: Window;
}

interface ThetaRow extends Theta {
  readonly position: number;
}

/** The newest row of `mirt_ability` that has a theta, in each window. */
export async function newestMirtThetas<W extends ThetaWindow>(
  source: Queryable,
  windows: readonly W[],
): Promise<ReadonlyMap<W, Theta>> {
  const { rows } = await source.query<ThetaRow>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int AS position, ability.theta, ability.se
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN mirt_ability AS ability ON ability.user_id = learner.user_id AND ability.user_id = ANY ($1)
  AND ability.fitted_at BETWEEN learner.window_from AND learner.window_through
  AND ability.theta > '-infinity' AND ability.theta < 'infinity'
ORDER BY learner.position, ability.fitted_at DESC`,
    values: thetaValues(windows),
  });
  return rowByItem(windows, rows);
}

/** The rows of `student_topic_theta` that have a theta, in each window. */
export async function topicThetas<W extends ThetaWindow>(
  source: Queryable,
  windows: readonly W[],
): Promise<ReadonlyMap<W, readonly Theta[]>> {
  const { rows } = await source.query<ThetaRow>({
    text: `
SELECT learner.position::int AS position, topic.theta, topic.se
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN student_topic_theta AS topic ON topic.user_id = learner.user_id AND topic.user_id = ANY ($1)
  AND topic.fitted_at BETWEEN learner.window_from AND learner.window_through
  AND topic.theta > '-infinity' AND topic.theta < 'infinity'
ORDER BY learner.position, topic.topic_id COLLATE "C"`,
    values: thetaValues(windows),
  });
  return rowsByItem(windows, rows);
}

function thetaValues(windows: readonly ThetaWindow[]): unknown[] {
  return [textArray(windows.map(({ userId }) => userId)), ...windowArrays(windows.map(({ window }) => window))];
}
