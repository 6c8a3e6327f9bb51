import { dateOf, formatInstant, type Instant } from '../activity/instant.ts';
import { INSTANTS_BY_SOURCE, instantColumns, type Source, sqlPerSource } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import { forEachBatch } from '../postgres/cursor.ts';
import type { BoundStatement, Database, Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { SILENT, silenceValues } from '../silence/condition.ts';
import { type SweepPlan, silenceWindow } from '../silence/plan.ts';
import { type DetectionTables, LIVE } from './detection-tables.ts';
import { rungOf, unlessDoubtful } from './rung.ts';

export interface RecordedCounts {
  readonly crossed: bigint;
  readonly ongoing: bigint;
}

/**
 * Records the episodes of all learners who are inactive as of the plan's instant, and the events due, in one statement:
 * `CROSSED` the first time, `ONGOING` on each later UTC date. Episodes already recorded for the date are skipped, so a
 * second sweep of the same date writes nothing. If a repair set a learner back to a silence that a return had closed, the
 * episode is reopened with `CROSSED`.
 *
 * The learners' rows are locked in the order of their ids. Postgres checks the condition again after it has the lock, so a
 * learner whose return another transaction is writing is not flagged.
 */
export async function recordInactive(
  tx: Queryable,
  plan: SweepPlan,
  runId: string,
  detectedAt: Instant,
  tables: DetectionTables = LIVE,
): Promise<RecordedCounts> {
  const { rows } = await tx.query<RecordedCounts>({
    text: recording(tables, plan),
    values: [...planValues(plan), runId, formatInstant(detectedAt)],
  });
  return single(rows, 'an aggregate returns one row');
}

function planValues(plan: SweepPlan): unknown[] {
  return [
    ...silenceValues(silenceWindow(plan)),
    arrayLiteral(plan.thresholds.toSorted((a, b) => b - a)),
    dateOf(plan.asOf),
    plan.refresh === 'daily',
    formatInstant(plan.asOf),
    plan.limit ?? null,
  ];
}

/**
 * $1 after, $2 until, $3 and $4 their dates, $5 thresholds from the longest, $6 date of the as-of, $7 whether ONGOING is
 * wanted, $8 the as-of, $9 the limit. The rung is that of {@link rungOf}. The join repeats the window for the episodes: without it, it would read all episodes ever recorded.
 */
const due = ({ lastSeen, episode, letters, candidates }: DetectionTables, { thresholds }: SweepPlan) => `
FROM ${lastSeen} seen
${rungOf(thresholds.length, '$8')}
LEFT JOIN ${episode} e
  ON e.student_id = seen.student_id AND e.threshold_days = rung.threshold_days AND e.last_seen_at = seen.last_seen_at
  AND e.last_seen_at > $1::timestamptz AND e.last_seen_at <= $2::timestamptz${
    candidates === undefined
      ? ''
      : `
LEFT JOIN ${candidates} candidate
  ON candidate.student_id = seen.student_id AND candidate.last_seen_at = seen.last_seen_at`
  }
WHERE ${SILENT}
  AND seen.user_id <> ''
  AND (e.student_id IS NULL OR ${isReopened('e')} OR ${isDueAgain('e', '$6::date')})
  ${unlessDoubtful(letters, '$8')}${
    candidates === undefined
      ? ''
      : `
  AND (NOT ${IS_CROSSING} OR candidate.student_id IS NOT NULL)`
  }`;

/** Whether the closed episode of a learner who is silent again since then is reopened: not by a sweep before its return. */
function isReopened(episode: string): string {
  return `${episode}.returned_as_of <= $8::timestamptz`;
}

function isDueAgain(episode: string, date: string): string {
  return `($7::boolean AND ${episode}.returned_as_of IS NULL AND ${episode}.noted_on < ${date})`;
}

/** Among due learners, an episode that is closed is one that is reopened. */
const IS_CROSSING = '(e.student_id IS NULL OR e.returned_as_of IS NOT NULL)';

const FIRST_BY_ID = 'ORDER BY seen.student_id LIMIT $9';
/** $9 is null. It must be in the statement, because Postgres infers its type from it. */
const UNLIMITED = 'LIMIT $9';

/**
 * `due` and `noted` are combined by GROUP BY, not by a join: if all episodes were noted today, the planner expects no due
 * rows and chooses a nested loop, which scans all due rows for each noted one.
 */
const recording = (tables: DetectionTables, plan: SweepPlan) => `
WITH due AS (
  SELECT seen.*, rung.threshold_days
  ${due(tables, plan)}
  ${FIRST_BY_ID}
  FOR NO KEY UPDATE OF seen
), passed AS (
  INSERT INTO ${tables.episode}
    (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on, passed)
  SELECT student_id, days, last_seen_at, $10::uuid, $8, $8, $6, true
  FROM due JOIN unnest($5) days ON days < threshold_days
  ORDER BY student_id, days
  ON CONFLICT DO NOTHING
), noted AS (
  INSERT INTO ${tables.episode} AS e
    (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
  SELECT student_id, threshold_days, last_seen_at, $10, $8, $8, $6
  FROM due
  ON CONFLICT (student_id, threshold_days, last_seen_at) DO UPDATE SET
    newest_as_of = GREATEST(e.newest_as_of, excluded.newest_as_of),
    noted_on = excluded.noted_on,
    crossed_run_id = CASE WHEN e.returned_as_of IS NULL THEN e.crossed_run_id ELSE excluded.crossed_run_id END,
    crossed_as_of = CASE WHEN e.returned_as_of IS NULL THEN e.crossed_as_of ELSE excluded.crossed_as_of END,
    passed = e.passed AND e.returned_as_of IS NULL,
    reopenings = e.reopenings + (e.returned_as_of IS NOT NULL)::int,
    returned_as_of = NULL
  WHERE ${isReopened('e')} OR ${isDueAgain('e', 'excluded.noted_on')}
  RETURNING student_id, crossed_run_id = $10 AS first, reopenings
), written AS (
  INSERT INTO ${tables.outbox}
    (phase, student_id, user_id, threshold_days, last_seen_at,
     ${instantColumns()}, as_of, sweep_run_id, detected_at, reopenings)
  SELECT
    CASE WHEN bool_or(first) THEN 'CROSSED' ELSE 'ONGOING' END, student_id, max(user_id), max(threshold_days),
    max(last_seen_at), ${sqlPerSource((source) => `max(${source}_at)`)},
    $8, $10, $11::timestamptz, max(reopenings)
  FROM (
    SELECT student_id, user_id, threshold_days, last_seen_at, ${instantColumns()}, NULL::boolean AS first,
      NULL::int AS reopenings
    FROM due
    UNION ALL SELECT student_id, NULL, NULL, NULL, ${sqlPerSource(() => 'NULL')}, first, reopenings FROM noted
  ) AS dues
  GROUP BY student_id HAVING count(first) > 0
  ORDER BY student_id
  RETURNING phase
)
SELECT
  count(*) FILTER (WHERE phase = 'CROSSED') AS crossed,
  count(*) FILTER (WHERE phase = 'ONGOING') AS ongoing
FROM written`;

/** Selects the learners who would get `CROSSED`: student_id, user_id, last_seen_at, threshold_days. */
export function crossingLearners(plan: SweepPlan): BoundStatement {
  return {
    text: `
SELECT student_id, user_id, last_seen_at, threshold_days
FROM (
  SELECT seen.student_id, seen.user_id, seen.last_seen_at, rung.threshold_days, ${IS_CROSSING} AS crossing
  ${due(LIVE, plan)}
  ${plan.limit === undefined ? UNLIMITED : FIRST_BY_ID}
) due
WHERE crossing`,
    values: planValues(plan),
  };
}

/** How many learners would get `CROSSED`, by threshold. Writes and locks nothing. */
export async function countCrossing(db: Queryable, plan: SweepPlan): Promise<ReadonlyMap<number, bigint>> {
  const { text, values } = crossingLearners(plan);
  const { rows } = await db.query<{ threshold_days: number; learners: bigint }>({
    text: `
SELECT threshold_days, count(*) AS learners
FROM (${text}) AS crossing
GROUP BY threshold_days
ORDER BY threshold_days`,
    values,
  });
  return new Map(rows.map(({ threshold_days, learners }) => [threshold_days, learners]));
}

/** A learner who would be flagged, with the facts that decide it. */
export interface DueLearner extends Readonly<Record<Source, Instant | null>> {
  readonly student_id: string;
  readonly user_id: string;
  readonly phase: 'CROSSED' | 'ONGOING';
  readonly threshold_days: number;
  readonly last_seen_at: Instant;
}

/** The longest silence first, or by the bytes of the user ids; equal ones by their student ids. */
export const LIST_ORDERS = {
  days: 'last_seen_at, student_id',
  user: 'user_id COLLATE "C", student_id',
  student_id: 'student_id',
};

export type ListOrder = keyof typeof LIST_ORDERS;

/**
 * Lists who would be flagged, in batches: by their student ids, or in another order. Postgres sorts, so memory use does not
 * depend on their number. Writes and locks nothing.
 */
export function eachDue(
  database: Database,
  plan: SweepPlan,
  onDue: (learners: readonly DueLearner[]) => Promise<void>,
  { order = 'student_id', batchSize }: { order?: ListOrder | undefined; batchSize?: number } = {},
): Promise<void> {
  return forEachBatch<DueLearner>(
    database,
    {
      text: `
SELECT *
FROM (
  SELECT seen.student_id, seen.user_id, seen.last_seen_at, ${INSTANTS_BY_SOURCE}, rung.threshold_days,
    CASE WHEN ${IS_CROSSING} THEN 'CROSSED' ELSE 'ONGOING' END AS phase
  ${due(LIVE, plan)}
  ${plan.limit === undefined ? UNLIMITED : FIRST_BY_ID}
) due
ORDER BY ${LIST_ORDERS[order]}`,
      values: planValues(plan),
    },
    onDue,
    batchSize,
  );
}
