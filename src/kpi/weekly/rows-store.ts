import { dateOf, type Instant, startOfIsoWeek } from '../../activity/instant.ts';
import { dateArray, textArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Figures } from '../figures/figure-names.ts';
import type { Cause } from './ledger-store.ts';

/** Figures of one learner to write into `weekly_kpi`. At least one of them is a number. */
export interface WeeklyFigures {
  readonly userId: string;
  readonly asOf: Instant;
  readonly figures: Figures;
  /** The inactivity event that caused them; null for the command `kpi`. */
  readonly cause: Cause | null;
}

export interface WeeklyTarget extends WeeklyFigures {
  /** The ISO Monday (UTC) of the as-of, as `YYYY-MM-DD`. */
  readonly weekStart: string;
}

export function weeklyTarget(figures: WeeklyFigures): WeeklyTarget {
  return { ...figures, weekStart: weekOf(figures) };
}

function weekOf({ asOf }: { readonly asOf: Instant }): string {
  return dateOf(startOfIsoWeek(asOf));
}

/** The positions of the learners whose weekly row exists and holds a JSON object: only their P and S are refreshed. */
export async function existingRows(
  database: Queryable,
  learners: readonly { readonly userId: string; readonly asOf: Instant }[],
): Promise<ReadonlySet<number>> {
  const { rows } = await database.query<{ position: number }>({
    text: `
SELECT learner.position::int - 1 AS position
FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS learner (user_id, week_start, position)
JOIN weekly_kpi AS weekly ON weekly.user_id = learner.user_id AND weekly.week_start = learner.week_start
WHERE jsonb_typeof(weekly.kpis) = 'object'`,
    values: [textArray(learners.map(({ userId }) => userId)), dateArray(learners.map(weekOf))],
  });
  return new Set(rows.map(({ position }) => position));
}

export interface ExistingRow {
  readonly isObject: boolean;
  readonly p: number | null;
  readonly s: number | null;
}

/** Locks the existing rows and reads their figures; a figure that is not a finite double is null. */
export async function lockRows(
  tx: Queryable,
  targets: readonly WeeklyTarget[],
): Promise<ReadonlyMap<number, ExistingRow>> {
  const { rows } = await tx.query<{ position: number; is_object: boolean; p: string | null; s: string | null }>({
    text: `
SELECT target.position::int - 1 AS position, coalesce(jsonb_typeof(weekly.kpis) = 'object', false) AS is_object,
  CASE WHEN jsonb_typeof(weekly.kpis -> 'P') = 'number' THEN weekly.kpis ->> 'P' END AS p,
  CASE WHEN jsonb_typeof(weekly.kpis -> 'S') = 'number' THEN weekly.kpis ->> 'S' END AS s
FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS target (user_id, week_start, position)
JOIN weekly_kpi AS weekly ON weekly.user_id = target.user_id AND weekly.week_start = target.week_start
ORDER BY target.position
FOR UPDATE OF weekly`,
    values: keysOf(targets),
  });
  return new Map(
    rows.map(({ position, is_object, p, s }) => [position, { isObject: is_object, p: finite(p), s: finite(s) }]),
  );
}

function finite(text: string | null): number | null {
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/**
 * Merges the figures that are numbers into each row; every other key stays as it is. Creates the row if it is missing,
 * and the object if `kpis` is not one (`||` would append to an array). A row that would not change is not written and
 * not returned.
 *
 * The figures are sent as JSON text: Postgres' own conversion of a double depends on extra_float_digits.
 */
export async function mergeFigures(
  tx: Queryable,
  targets: readonly WeeklyTarget[],
): Promise<ReadonlyMap<number, { readonly inserted: boolean }>> {
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
RETURNING user_id, week_start, xmax = 0 AS inserted`,
    values: [...keysOf(targets), textArray(targets.map(({ figures }) => numbersAsJson(figures)))],
  });
  const positions = new Map(targets.map((target, position) => [`${target.weekStart} ${target.userId}`, position]));
  return new Map(
    rows.flatMap(({ user_id, week_start, inserted }) => {
      const position = positions.get(`${week_start} ${user_id}`);
      return position === undefined ? [] : [[position, { inserted }] as const];
    }),
  );
}

function numbersAsJson(figures: Figures): string {
  return JSON.stringify(Object.fromEntries(Object.entries(figures).filter(([, value]) => typeof value === 'number')));
}

function keysOf(targets: readonly WeeklyTarget[]): [Buffer, Buffer] {
  return [textArray(targets.map(({ userId }) => userId)), dateArray(targets.map(({ weekStart }) => weekStart))];
}
