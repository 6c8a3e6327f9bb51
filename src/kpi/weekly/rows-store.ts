import { dateOf, type Instant, startOfIsoWeek } from '../../activity/instant.ts';
import { dateArray, textArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { rowByItem } from '../../postgres/ordinality.ts';
import { must } from '../../runtime/must.ts';
import type { Figures } from '../figures/figure.ts';

/** The key of a row of `weekly_kpi`. */
export interface WeeklyKey {
  readonly userId: string;
  /** The ISO Monday (UTC) of the as-of, as `YYYY-MM-DD`. */
  readonly weekStart: string;
}

export function weekOf(asOf: Instant): string {
  return dateOf(startOfIsoWeek(asOf));
}

export function keyArrays(keys: readonly WeeklyKey[]): [Buffer, Buffer] {
  return [textArray(keys.map(({ userId }) => userId)), dateArray(keys.map(({ weekStart }) => weekStart))];
}

/** A row of `weekly_kpi`; a figure that is not a finite double is null. */
export interface ExistingRow {
  readonly isObject: boolean;
  readonly p: number | null;
  readonly s: number | null;
}

/** The existing rows, by their key. With `lock` they are locked in the order of `keys`. */
export async function existingRows<K extends WeeklyKey>(
  on: Queryable,
  keys: readonly K[],
  { lock = false } = {},
): Promise<ReadonlyMap<K, ExistingRow>> {
  const { rows } = await on.query<{ position: number; is_object: boolean; p: string | null; s: string | null }>({
    text: `
SELECT target.position::int AS position, coalesce(jsonb_typeof(weekly.kpis) = 'object', false) AS is_object,
  CASE WHEN jsonb_typeof(weekly.kpis -> 'P') = 'number' THEN weekly.kpis ->> 'P' END AS p,
  CASE WHEN jsonb_typeof(weekly.kpis -> 'S') = 'number' THEN weekly.kpis ->> 'S' END AS s
FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS target (user_id, week_start, position)
JOIN weekly_kpi AS weekly ON weekly.user_id = target.user_id AND weekly.week_start = target.week_start
ORDER BY target.position${lock ? '\nFOR UPDATE OF weekly' : ''}`,
    values: keyArrays(keys),
  });
  return new Map(
    [...rowByItem(keys, rows)].map(([key, { is_object, p, s }]) => [
      key,
      { isObject: is_object, p: finite(p), s: finite(s) },
    ]),
  );
}

function finite(text: string | null): number | null {
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/**
 * Merges the figures that are numbers into each row; every other key stays as it is. Creates the row if it is missing,
 * and the object if `kpis` is not one (`||` would append to an array). A row that would not change is not written.
 *
 * The figures are sent as JSON text: Postgres' own conversion of a double depends on extra_float_digits.
 *
 * @returns the written rows, and whether each was inserted
 */
export async function mergeFigures<T extends WeeklyKey & { readonly figures: Figures }>(
  tx: Queryable,
  targets: readonly T[],
): Promise<ReadonlyMap<T, { readonly inserted: boolean }>> {
  const { rows } = await tx.query<{ user_id: string; week_start: string; inserted: boolean }>({
    text: `
INSERT INTO weekly_kpi AS weekly (user_id, week_start, kpis, created_at, updated_at)
SELECT user_id, week_start, kpis::jsonb, now(), now()
FROM unnest($1::text[], $2::date[], $3::text[]) WITH ORDINALITY AS target (user_id, week_start, kpis, position)
ORDER BY position
ON CONFLICT (user_id, week_start) DO UPDATE SET
  kpis = CASE WHEN jsonb_typeof(weekly.kpis) = 'object' THEN weekly.kpis || excluded.kpis ELSE excluded.kpis END,
  updated_at = now()
WHERE CASE WHEN jsonb_typeof(weekly.kpis) = 'object' THEN weekly.kpis || excluded.kpis <> weekly.kpis ELSE true END
RETURNING user_id::text, week_start, xmax = 0 AS inserted`,
    values: [...keyArrays(targets), textArray(targets.map(({ figures }) => numbersAsJson(figures)))],
  });
  const byKey = new Map(targets.map((target) => [`${target.weekStart} ${target.userId}`, target]));
  return new Map(
    rows.map(({ user_id, week_start, inserted }) => [
      must(byKey.get(`${week_start} ${user_id}`), 'a written row is that of a target'),
      { inserted },
    ]),
  );
}

function numbersAsJson(figures: Figures): string {
  return JSON.stringify(Object.fromEntries(Object.entries(figures).filter(([, value]) => typeof value === 'number')));
}
