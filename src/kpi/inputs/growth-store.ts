import type { Instant } from '../../activity/instant.ts';
import { instantArray, textArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { rowByItem } from '../../postgres/ordinality.ts';

/** `posterior_summary`, as JSON text, of the newest growth fit not after each instant. */
export async function newestGrowthFits(
  source: Queryable,
  instants: ReadonlySet<Instant>,
): Promise<ReadonlyMap<Instant, { readonly summary: string }>> {
  const asOfs = [...instants];
  const { rows } = await source.query<{ position: number; summary: string }>({
    text: `
SELECT wanted.position::int AS position, coalesce(fit.posterior_summary::text, 'null') AS summary
FROM unnest($1::timestamptz[]) WITH ORDINALITY AS wanted (as_of, position)
JOIN LATERAL (
  SELECT posterior_summary FROM growth_brms_meta
  WHERE fitted_at <= wanted.as_of
  ORDER BY fitted_at DESC, run_id COLLATE "C" DESC
  LIMIT 1
) AS fit ON true`,
    values: [instantArray(asOfs)],
  });
  return rowByItem(asOfs, rows);
}

/** The P of each learner's newest weekly row that has one, as text: another job may have written it. */
export async function storedProbabilities<L extends { readonly userId: string }>(
  database: Queryable,
  learners: readonly L[],
): Promise<ReadonlyMap<L, { readonly p: string }>> {
  const { rows } = await database.query<{ position: number; p: string }>({
    text: `
SELECT learner.position::int AS position, newest.p
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN LATERAL (
  SELECT kpis ->> 'P' AS p FROM weekly_kpi AS weekly
  WHERE weekly.user_id = learner.user_id AND jsonb_typeof(kpis) = 'object' AND kpis ->> 'P' IS NOT NULL
  ORDER BY week_start DESC
  LIMIT 1
) AS newest ON true`,
    values: [textArray(learners.map(({ userId }) => userId))],
  });
  return rowByItem(learners, rows);
}
