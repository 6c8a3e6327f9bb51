import { formatInstant } from '../activity/instant.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { BoundStatement, Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import { SILENT, silenceValues } from '../silence/condition.ts';
import { type SweepPlan, silenceWindow } from '../silence/plan.ts';
import { type DetectionTables, LIVE } from './detection-tables.ts';
import { isDoubtful, rungOf, unlessDoubtful } from './rung.ts';

/** Counts of learners over the whole table as of the plan's instant. The empty user_id is no learner. */
export interface Census {
  /** Seen within the lookback. */
  readonly active: bigint;
  /** With or without a due event, including unresolved learners. */
  readonly inactive: bigint;
  /** Inactive, but known only by `student_id`: no event until a source has their `user_id`. */
  readonly unresolved: bigint;
  /** Seen after the as-of: the table keeps only the latest activity, so it cannot show their state at the as-of. */
  readonly undecidable: bigint;
  /** Inactive, but an open dead letter may contain a later activity: no event until it is closed. */
  readonly doubtful: bigint;
}

export async function takeCensus(tx: Queryable, plan: SweepPlan, tables: DetectionTables = LIVE): Promise<Census> {
  const { lastSeen } = tables;
  const window = silenceWindow(plan);
  const { rows } = await tx.query<Omit<Census, 'doubtful'>>({
    text: `
SELECT
  count(*) FILTER (WHERE last_seen_at <= $3::timestamptz) AS active,
  count(*) FILTER (WHERE last_seen_at <= $2::timestamptz) AS inactive,
  count(*) FILTER (WHERE last_seen_at <= $2 AND user_id IS NULL) AS unresolved,
  count(*) FILTER (WHERE last_seen_at > $3) AS undecidable
FROM ${lastSeen}
WHERE last_active_on >= $4::date AND last_seen_at > $1::timestamptz AND user_id IS DISTINCT FROM ''`,
    values: [formatInstant(window.after), formatInstant(window.until), formatInstant(plan.asOf), window.firstDate],
  });
  return { ...single(rows, 'an aggregate returns one row'), doubtful: await countDoubtful(tx, plan, tables) };
}

/**
 * Selects all learners who are inactive and known by a user_id, except for doubtful ones, with or without a due event:
 * student_id, last_seen_at.
 */
export function silentLearners(plan: SilencePlan): BoundStatement {
  const { lastSeen, letters } = LIVE;
  return {
    text: `
SELECT seen.student_id, seen.last_seen_at
FROM ${lastSeen} seen
${rungOf(plan.thresholds.length, '$6')}
WHERE ${SILENT} AND seen.user_id <> '' ${unlessDoubtful(letters, '$6')}`,
    values: rungValues(plan),
  };
}

type SilencePlan = Pick<SweepPlan, 'asOf' | 'thresholds' | 'lookbackDays'>;

/** $1 to $4 the window, $5 thresholds from the longest, $6 the as-of. */
function rungValues(plan: SilencePlan): unknown[] {
  return [
    ...silenceValues(silenceWindow(plan)),
    arrayLiteral(plan.thresholds.toSorted((a, b) => b - a)),
    formatInstant(plan.asOf),
  ];
}

async function countDoubtful(tx: Queryable, plan: SweepPlan, { lastSeen, letters }: DetectionTables): Promise<bigint> {
  if (letters === undefined) return 0n;
  const { rows } = await tx.query<{ learners: bigint }>({
    text: `
SELECT count(*) AS learners
FROM ${lastSeen} seen
${rungOf(plan.thresholds.length, '$6')}
WHERE ${SILENT} AND seen.user_id IS DISTINCT FROM '' AND ${isDoubtful(letters, '$6')}`,
    values: rungValues(plan),
  });
  return single(rows, 'an aggregate returns one row').learners;
}
