import type { StudentId } from '../activity/activity.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { activityInstant, SOURCE_FACTS, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { IS_VALID } from './totals-store.ts';

/**
 * Learners, each with their last known activity, as Postgres arrays in text form. They pass from one server to another
 * unread, because parsing and formatting each value costs a quarter of the look-up.
 */
export interface SeenLearners {
  /** `uuid[]` */
  readonly studentIds: string;
  /** `text[]` */
  readonly userIds: string;
  /** `uuid[]`: the key of the name if a row was written under a wrong key, otherwise NULL. */
  readonly otherKeys: string;
  /** `timestamptz[]` */
  readonly lastSeenAts: string;
}

export interface LearnerColumn {
  /** The type to which a spelling is cast, so that an index can be used. */
  readonly type: 'text' | 'bpchar' | 'uuid';
  /** `hasLearnerIndex` of `readSourceTables`. */
  readonly isIndexed: boolean;
}

export interface Newer {
  readonly studentId: StudentId;
  readonly at: Instant;
}

/**
 * The latest activity of each learner in a source table that is later than their last seen, by the rules of
 * `readSourceActivity`. Learners without one are left out. With an index, the cost depends on the number of learners only;
 * without one, the table is scanned once.
 *
 * @param until as for `readSourceActivity`.
 */
export async function newerActivity(
  snapshot: Queryable,
  source: Source,
  column: LearnerColumn,
  until: Instant,
  { studentIds, userIds, otherKeys, lastSeenAts }: SeenLearners,
): Promise<readonly Newer[]> {
  // The estimate is high enough to compile expressions, which takes longer than the look-up.
  await snapshot.query({ text: 'SET LOCAL jit = off' });
  // No name: see Statement.
  const { rows } = await snapshot.query<Newer>({
    text: `
WITH learner AS MATERIALIZED (
  SELECT student_id, user_id, other_key, last_seen_at, ${usualSpelling(source, column)} AS spelling
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
    AS learner (student_id, user_id, other_key, last_seen_at)
), other AS MATERIALIZED (
  ${otherSpellings(column)}
)
SELECT student_id AS "studentId", max(at) AS at
FROM (${(column.isIndexed ? byIndex : byScan)(source)}) AS newer
GROUP BY student_id`,
    values: [formatInstant(until), studentIds, userIds, otherKeys, lastSeenAts],
  });
  return rows;
}

/** The table as rows of id and instant. */
const rowsOf = (source: Source) =>
  `(SELECT t.${SOURCE_FACTS[source].learner} AS id, ${activityInstant(source, 't')}::timestamptz AS at FROM public.${source} AS t)`;

function usualSpelling(source: Source, { type }: LearnerColumn): string {
  if (type === 'uuid') return 'student_id';
  return SOURCE_FACTS[source].learner === 'user_id' ? `user_id::${type}` : `student_id::text::${type}`;
}

/**
 * How else a source table may have the learner: by the key as text in lower and upper case (a name that is a UUID is its
 * own key). If a row was written under a wrong key, the key of its name is looked up too. Not found: a UUID in mixed case
 * other than the stored name, because no index serves it, and text with trailing blanks; an audit finds them.
 */
function otherSpellings({ type }: LearnerColumn): string {
  const spellings = type === 'uuid' ? ['other_key'] : [...asText('student_id', type), ...asText('other_key', type)];
  return spellings
    .map((each) => `SELECT student_id, last_seen_at, ${each} AS spelling FROM learner WHERE ${each} <> spelling`)
    .join('\n  UNION ALL ');
}

/** In the C collation `upper` is fast; the look-up needs the collation of the column. */
function asText(key: string, type: string): readonly string[] {
  return [`${key}::text::${type}`, `upper(${key}::text COLLATE "C")::${type} COLLATE "default"`];
}

/**
 * Each learner is looked up by the usual spelling, because the planner would rather scan a table of a million rows. Few
 * tables have other spellings: they are looked up by one scan of the index, which skips the ranges that have none (from
 * Postgres 17 on).
 */
const byIndex = (source: Source) => `
SELECT learner.student_id, latest.at
FROM learner CROSS JOIN LATERAL (
  SELECT at FROM ${rowsOf(source)} AS row_of_source
  WHERE row_of_source.id = learner.spelling AND at > learner.last_seen_at AND ${IS_VALID}
  ORDER BY at DESC
  LIMIT 1
) AS latest
UNION ALL
SELECT other.student_id, latest.at
FROM (
  SELECT id, max(at) AS at FROM ${rowsOf(source)} AS row_of_source
  WHERE id = ANY (ARRAY(SELECT spelling FROM other)) AND at > (SELECT min(last_seen_at) FROM other) AND ${IS_VALID}
  GROUP BY id
) AS latest
JOIN other ON other.spelling = latest.id AND latest.at > other.last_seen_at`;

const byScan = (source: Source) => `
SELECT spelled.student_id, at
FROM (
  SELECT student_id, last_seen_at, spelling FROM learner UNION ALL SELECT student_id, last_seen_at, spelling FROM other
) AS spelled
JOIN ${rowsOf(source)} AS row_of_source ON row_of_source.id = spelled.spelling AND at > spelled.last_seen_at
WHERE ${IS_VALID}`;

/** @param learnerType as of `readSourceTables` */
export function castOf(learnerType: string): LearnerColumn['type'] {
  if (learnerType === 'uuid') return 'uuid';
  return learnerType === 'character' || learnerType === 'bpchar' ? 'bpchar' : 'text';
}
