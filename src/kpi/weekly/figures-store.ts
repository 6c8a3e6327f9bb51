import type { Instant } from '../../activity/instant.ts';
import type { Computed } from '../../events/kpi-updated-event.ts';
import { booleanArray, doubleArray, instantArray, textArray, uuidArray } from '../../postgres/arrays.ts';
import type { Database, Queryable } from '../../postgres/database.ts';
import { rowByItem } from '../../postgres/ordinality.ts';
import { LastseenError } from '../../runtime/errors.ts';
import type { Figures } from '../figures/figure.ts';
import type { ProbabilityInterval } from '../figures/goal-probability.ts';
import { type ExistingRow, existingRows, keyArrays, mergeFigures, type WeeklyKey } from './rows-store.ts';

/** Figures of one learner to write into `weekly_kpi`. At least one of them is a number. */
export interface WeeklyFigures extends WeeklyKey {
  readonly asOf: Instant;
  readonly figures: Figures;
  /** The inactivity event that caused them; null for the command `kpi`. */
  readonly cause: Cause | null;
}

/** The inactivity event that caused figures, and what is published beside them. */
interface Cause {
  readonly eventId: string;
  readonly computed: Computed;
  readonly pInterval: ProbabilityInterval | null;
}

/**
 * `created`: there was no row, or no JSON object in it. `unchanged`: the row has these figures already and was not
 * written. `outdated`: the row has the figures of a newer as-of, or may have: see {@link staleTargets}. `redelivered`: the event
 * was answered before.
 */
export type WriteOutcome = 'updated' | 'unchanged' | 'created' | 'outdated' | 'redelivered';

/**
 * Writes a batch into `weekly_kpi` in one transaction, at most once per learner and week, and records answered events in
 * the ledger, from which they are published.
 *
 * The watermark's row is locked first: it represents the learner's week even if `weekly_kpi` has no row yet, so that two
 * processes with the same event, or an older and a newer one, take turns. All locks are taken in the order of
 * (user_id, week_start). An event that is outdated or redelivered leaves no trace.
 *
 * Throws a retriable `postgres_conflict` if a row appeared or was removed after it was decided which figures to compute.
 */
export async function writeWeeklyFigures<T extends WeeklyFigures>(
  database: Database,
  figures: readonly T[],
): Promise<ReadonlyMap<T, WriteOutcome>> {
  if (figures.length === 0) return new Map();
  const targets = [...figures].sort(byKey);
  return database.transaction(async (tx) => {
    await raiseWatermarks(tx, targets);
    const stale = await staleTargets(tx, targets);
    const fresh = targets.filter((target) => !stale.has(target));
    const previous = await existingRows(tx, fresh, { lock: true });
    const merged = await mergeFigures(tx, fresh);
    const written = fresh.map((target) => writtenRow(target, previous.get(target), merged.get(target)));
    await recordAnswers(tx, written);
    return new Map([...stale, ...written.map(({ target, outcome }) => [target, outcome] as const)]);
  });
}

function byKey(a: WeeklyKey, b: WeeklyKey): number {
  if (a.userId !== b.userId) return a.userId < b.userId ? -1 : 1;
  return a.weekStart < b.weekStart ? -1 : 1;
}

interface WrittenRow<T extends WeeklyFigures> {
  readonly target: T;
  readonly previous: ExistingRow | undefined;
  readonly outcome: 'updated' | 'unchanged' | 'created';
}

/** The existing row decided which figures were computed; it may have changed meanwhile. */
function writtenRow<T extends WeeklyFigures>(
  target: T,
  previous: ExistingRow | undefined,
  merged: { readonly inserted: boolean } | undefined,
): WrittenRow<T> {
  const existed = previous?.isObject === true;
  const appeared = previous === undefined && merged?.inserted !== true;
  const asComputed = target.cause === null || existed === (target.cause.computed === 'P_AND_S');
  if (appeared || !asComputed) {
    throw new LastseenError(
      'postgres_conflict',
      'another process created or removed a weekly_kpi row before it was written; retry',
      {
        retriable: true,
      },
    );
  }
  return { target, previous, outcome: !existed ? 'created' : merged === undefined ? 'unchanged' : 'updated' };
}

/**
 * Locks each target's watermark and raises it to the as-of; one that is as new or newer is only locked. Weeks below the floor
 * of `lastseen prune` get none.
 */
async function raiseWatermarks(tx: Queryable, targets: readonly WeeklyFigures[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_watermark AS watermark (user_id, week_start, as_of)
SELECT user_id, week_start, as_of
FROM unnest($1::text[], $2::date[], $3::timestamptz[]) WITH ORDINALITY AS target (user_id, week_start, as_of, position)
WHERE (week_start < (SELECT week_floor FROM lastseen.retention)) IS NOT TRUE
ORDER BY position
ON CONFLICT (user_id, week_start) DO UPDATE SET as_of = excluded.as_of WHERE watermark.as_of < excluded.as_of`,
    values: [...keyArrays(targets), instantArray(targets.map(({ asOf }) => asOf))],
  });
}

/**
 * The targets whose event was answered before or whose week has the figures of a newer as-of. A separate statement after
 * the locks: in READ COMMITTED it sees what the previous holder of the locks has written.
 *
 * Below the floor of `lastseen prune` this is not known any more. No event is answered there, and no existing row changed. The
 * floor is raised before rows are removed, so a snapshot that lacks such a row has the floor. It must be read in this statement.
 */
async function staleTargets<T extends WeeklyFigures>(
  tx: Queryable,
  targets: readonly T[],
): Promise<ReadonlyMap<T, 'outdated' | 'redelivered'>> {
  const { rows } = await tx.query<{ position: number; redelivered: boolean }>({
    text: `
SELECT target.position::int AS position, ledger.cause_event_id IS NOT NULL AS redelivered
FROM unnest($1::text[], $2::date[], $3::timestamptz[], $4::uuid[])
  WITH ORDINALITY AS target (user_id, week_start, as_of, cause_event_id, position)
CROSS JOIN lastseen.retention
LEFT JOIN lastseen.kpi_watermark AS watermark USING (user_id, week_start)
LEFT JOIN lastseen.kpi_ledger AS ledger USING (cause_event_id)
WHERE ledger.cause_event_id IS NOT NULL OR watermark.as_of > target.as_of
  OR target.week_start < retention.week_floor AND (
    target.cause_event_id IS NOT NULL
    OR EXISTS (SELECT FROM weekly_kpi AS weekly WHERE (weekly.user_id, weekly.week_start) = (target.user_id, target.week_start))
  )`,
    values: [
      ...keyArrays(targets),
      instantArray(targets.map(({ asOf }) => asOf)),
      uuidArray(targets.map(({ cause }) => cause?.eventId ?? null)),
    ],
  });
  return new Map(
    [...rowByItem(targets, rows)].map(([target, { redelivered }]) => [
      target,
      redelivered ? 'redelivered' : 'outdated',
    ]),
  );
}

/** Records each answered event once, with the written and the previous figures; an existing one stays as it is. */
async function recordAnswers(tx: Queryable, written: readonly WrittenRow<WeeklyFigures>[]): Promise<void> {
  const answers = written.flatMap(({ target, ...row }) =>
    target.cause === null ? [] : [{ ...row, target, cause: target.cause }],
  );
  if (answers.length === 0) return;
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_ledger
  (user_id, week_start, cause_event_id, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
   p_insufficient_data, row_created)
SELECT user_id, week_start, cause_event_id, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
  p_insufficient_data, row_created
FROM unnest($1::text[], $2::date[], $3::uuid[], $4::timestamptz[], $5::text[], $6::float8[], $7::float8[],
  $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::boolean[], $13::boolean[]) WITH ORDINALITY
  AS event (user_id, week_start, cause_event_id, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
    p_insufficient_data, row_created, position)
ORDER BY position
ON CONFLICT (cause_event_id) DO NOTHING`,
    values: [
      ...keyArrays(answers.map(({ target }) => target)),
      uuidArray(answers.map(({ cause }) => cause.eventId)),
      instantArray(answers.map(({ target }) => target.asOf)),
      textArray(answers.map(({ cause }) => cause.computed)),
      doubleArray(answers.map(({ target }) => target.figures.P ?? null)),
      doubleArray(answers.map(({ target }) => target.figures.S ?? null)),
      doubleArray(answers.map(({ previous }) => previous?.p ?? null)),
      doubleArray(answers.map(({ previous }) => previous?.s ?? null)),
      doubleArray(answers.map(({ cause }) => cause.pInterval?.low ?? null)),
      doubleArray(answers.map(({ cause }) => cause.pInterval?.high ?? null)),
      booleanArray(answers.map(({ cause }) => cause.pInterval?.insufficientData ?? null)),
      booleanArray(answers.map(({ outcome }) => outcome === 'created')),
    ],
  });
}
