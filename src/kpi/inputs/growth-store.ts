import type { Instant } from '../../activity/instant.ts';
import { instantArray, textArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { type Observation, observationWindow } from '../figures/growth-model.ts';
import type { KpiLearner } from './goal-store.ts';

interface ObservedRow extends Observation {
  readonly position: number;
}

/** Each learner's usable rows of `ability_estimates` whose date is in the {@link observationWindow}. */
export async function recentAbilities(
  source: Queryable,
  learners: readonly KpiLearner[],
): Promise<readonly ObservedRow[]> {
  const windows = learners.map(({ asOf }) => observationWindow(asOf));
  const { rows } = await source.query<ObservedRow>({
    text: `
SELECT learner.position::int - 1 AS position, ability.mean, ability.sd, ability.at
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN (
  SELECT user_id, mean, sd, coalesce(fitted_at, updated_at, created_at) AS at
  FROM ability_estimates WHERE user_id = ANY ($1)
) AS ability ON ability.user_id = learner.user_id AND ability.at BETWEEN learner.window_from AND learner.window_through
  AND ability.mean > '-infinity' AND ability.mean < 'infinity'
  AND ability.sd > 0 AND ability.sd < 'infinity'
ORDER BY learner.position, ability.at, ability.mean, ability.sd`,
    values: [textArray(learners.map(({ userId }) => userId)), ...windowArrays(windows)],
  });
  return rows;
}

/** `posterior_summary`, as JSON text, of the newest growth fit not after each instant. */
export async function newestGrowthFits(
  source: Queryable,
  instants: ReadonlySet<Instant>,
): Promise<ReadonlyMap<Instant, string>> {
  const asOfs = [...instants];
  const { rows } = await source.query<{ position: number; summary: string | null }>({
    text: `
SELECT wanted.position::int - 1 AS position, fit.posterior_summary::text AS summary
FROM unnest($1::timestamptz[]) WITH ORDINALITY AS wanted (as_of, position)
JOIN LATERAL (
  SELECT posterior_summary FROM growth_brms_meta
  WHERE fitted_at <= wanted.as_of
  ORDER BY fitted_at DESC, run_id COLLATE "C" DESC
  LIMIT 1
) AS fit ON true`,
    values: [instantArray(asOfs)],
  });
  return new Map(
    rows.flatMap(({ position, summary }) => {
      const asOf = asOfs[position];
      return asOf === undefined ? [] : [[asOf, summary ?? 'null'] as const];
    }),
  );
}

/** The P of each learner's newest weekly row that has one, as text: another job may have written it. */
export async function storedProbabilities(
  database: Queryable,
  learners: readonly KpiLearner[],
): Promise<ReadonlyMap<number, string>> {
  const { rows } = await database.query<{ position: number; p: string }>({
    text: `
SELECT learner.position::int - 1 AS position, newest.p
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN LATERAL (
  SELECT kpis ->> 'P' AS p FROM weekly_kpi AS weekly
  WHERE weekly.user_id = learner.user_id AND jsonb_typeof(kpis) = 'object' AND kpis ->> 'P' IS NOT NULL
  ORDER BY week_start DESC
  LIMIT 1
) AS newest ON true`,
    values: [textArray(learners.map(({ userId }) => userId))],
  });
  return new Map(rows.map(({ position, p }) => [position, p]));
}
