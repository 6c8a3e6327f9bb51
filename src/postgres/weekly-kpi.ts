import { dateOf, formatInstant, type Instant, startOfIsoWeek } from '../activity/instant.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { Database, Queryable } from './database.ts';
import { recordUpdates } from './kpi-ledger.ts';

/** P and S of one learner, as the answer to one inactivity event. At least one of them is a number. */
export interface WeeklyFigures {
  readonly causeEventId: string;
  readonly userId: string;
  readonly asOf: Instant;
  readonly p: number | null;
  readonly s: number | null;
}

/**
 * What became of it. `created`: there was no row, or no JSON object in it. `unchanged`: the row says so already and was
 * not written. `outdated`: the row has the figures of a newer as-of. `redelivered`: the event was answered before.
 */
export type WriteOutcome = 'updated' | 'unchanged' | 'created' | 'outdated' | 'redelivered';

interface Target extends WeeklyFigures {
  /** The ISO Monday (UTC) of the as-of, as `YYYY-MM-DD`. */
  readonly weekStart: string;
}

/**
 * Writes a batch into `weekly_kpi` in one transaction, at most one a learner and week, and records what was answered in
 * the ledger, from where it is published.
 *
 * The watermark's row is locked first: it stands for the learner's week even where `weekly_kpi` has no row yet, so that
 * two processes with the same event, or an older and a newer one, take turns. All locks are taken in the order of
 * (user_id, week_start). An event that is outdated or was redelivered leaves no trace.
 *
 * @returns the outcomes, in the order of `figures`
 */
export async function writeWeeklyFigures(
  database: Database,
  figures: readonly WeeklyFigures[],
): Promise<readonly WriteOutcome[]> {
  const sorted = figures
    .map((each, index) => ({ index, target: { ...each, weekStart: dateOf(startOfIsoWeek(each.asOf)) } }))
    .sort((a, b) => byKey(a.target, b.target));
  const outcomes = await database.transaction((tx) =>
    writeSorted(
      tx,
      sorted.map(({ target }) => target),
    ),
  );
  const inOrder = new Array<WriteOutcome>(figures.length);
  outcomes.forEach((outcome, position) => {
    const index = sorted[position]?.index;
    if (index !== undefined) inOrder[index] = outcome;
  });
  return inOrder;
}

function byKey(a: Target, b: Target): number {
  if (a.userId !== b.userId) return a.userId < b.userId ? -1 : 1;
  return a.weekStart < b.weekStart ? -1 : 1;
}

async function writeSorted(tx: Queryable, targets: readonly Target[]): Promise<readonly WriteOutcome[]> {
  await raiseWatermarks(tx, targets);
  const stale = await staleTargets(tx, targets);
  const fresh = targets.flatMap((target, position) => (stale.has(position) ? [] : [{ target, position }]));
  const previous = await lockRows(
    tx,
    fresh.map(({ target }) => target),
  );
  const written = await mergeFigures(
    tx,
    fresh.map(({ target }) => target),
  );

  const outcomes = new Map<number, WriteOutcome>(stale);
  const answered = fresh.map(({ target, position }, index) => {
    const before = previous.get(index);
    const after = written.get(index);
    if (before === undefined && after?.inserted !== true) {
      throw new LastseenError('postgres_conflict', 'a weekly_kpi row appeared while it was written', {
        retriable: true,
      });
    }
    const created = before?.isObject !== true;
    outcomes.set(position, created ? 'created' : after === undefined ? 'unchanged' : 'updated');
    return {
      ...target,
      previousP: before?.p ?? null,
      previousS: before?.s ?? null,
      created,
    };
  });
  await recordUpdates(tx, answered);
  return targets.map((_, position) => outcomes.get(position) ?? 'unchanged');
}

/** Locks each target's watermark and raises it to the as-of; one that is as new or newer is locked and stays. */
async function raiseWatermarks(tx: Queryable, targets: readonly Target[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_watermark AS watermark (user_id, week_start, as_of)
SELECT user_id, week_start, as_of
FROM unnest($1::text[], $2::date[], $3::timestamptz[]) WITH ORDINALITY AS target (user_id, week_start, as_of, position)
ORDER BY position
ON CONFLICT (user_id, week_start) DO UPDATE SET as_of = excluded.as_of WHERE watermark.as_of < excluded.as_of`,
    values: [...keysOf(targets), targets.map(({ asOf }) => formatInstant(asOf))],
  });
}

/** A statement of its own, after the locks: READ COMMITTED then sees what whoever held them has written. */
async function staleTargets(
  tx: Queryable,
  targets: readonly Target[],
): Promise<ReadonlyMap<number, 'outdated' | 'redelivered'>> {
  const { rows } = await tx.query<{ position: number; redelivered: boolean }>({
    text: `
SELECT target.position::int - 1 AS position, ledger.cause_event_id IS NOT NULL AS redelivered
FROM unnest($1::text[], $2::date[], $3::timestamptz[], $4::uuid[])
  WITH ORDINALITY AS target (user_id, week_start, as_of, cause_event_id, position)
JOIN lastseen.kpi_watermark AS watermark USING (user_id, week_start)
LEFT JOIN lastseen.kpi_ledger AS ledger USING (cause_event_id)
WHERE ledger.cause_event_id IS NOT NULL OR watermark.as_of > target.as_of`,
    values: [
      ...keysOf(targets),
      targets.map(({ asOf }) => formatInstant(asOf)),
      targets.map(({ causeEventId }) => causeEventId),
    ],
  });
  return new Map(rows.map(({ position, redelivered }) => [position, redelivered ? 'redelivered' : 'outdated']));
}

interface StandingRow {
  readonly isObject: boolean;
  readonly p: number | null;
  readonly s: number | null;
}

/** Locks the rows that are there and reads the figures they hold; one that is no number, or none a double holds, is null. */
async function lockRows(tx: Queryable, targets: readonly Target[]): Promise<ReadonlyMap<number, StandingRow>> {
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
 * Merges the figures that are numbers into each row, every other key staying as it is; makes the row where there is
 * none, and the object where `kpis` is none (`||` would append to an array). A row that would not change is not written
 * and not in the answer.
 *
 * The figures travel as JSON text: Postgres' own way from a double depends on extra_float_digits.
 */
async function mergeFigures(
  tx: Queryable,
  targets: readonly Target[],
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
    values: [...keysOf(targets), targets.map(figuresJson)],
  });
  const positions = new Map(targets.map((target, position) => [`${target.weekStart} ${target.userId}`, position]));
  return new Map(
    rows.flatMap(({ user_id, week_start, inserted }) => {
      const position = positions.get(`${week_start} ${user_id}`);
      return position === undefined ? [] : [[position, { inserted }] as const];
    }),
  );
}

function figuresJson({ p, s }: Target): string {
  return JSON.stringify({ ...(p === null ? {} : { P: p }), ...(s === null ? {} : { S: s }) });
}

function keysOf(targets: readonly Target[]): [string[], string[]] {
  return [targets.map(({ userId }) => userId), targets.map(({ weekStart }) => weekStart)];
}
