import type { StudentId } from '../../activity/activity.ts';
import type { Instant } from '../../activity/instant.ts';
import { activityInstant, SOURCE_FACTS, SOURCES, type Source } from '../../activity/source.ts';
import { instantArray, textArray, uuidArray } from '../../postgres/arrays.ts';
import type { Queryable, Statement } from '../../postgres/database.ts';
import { rowByItem } from '../../postgres/ordinality.ts';

/** A learner, and the instant up to which activity counts. */
interface SeenUntil {
  readonly userId: string;
  readonly studentId: StudentId;
  readonly asOf: Instant;
}

interface SeenRow {
  readonly position: number;
  readonly at: Instant;
}

/**
 * Last seen by the table. The table keeps the latest activity only, so a learner seen after the as-of is missing, as is
 * a learner without a row.
 */
export async function lastSeenInTable<L extends SeenUntil>(
  database: Queryable,
  learners: readonly L[],
): Promise<ReadonlyMap<L, { readonly at: Instant }>> {
  const { rows } = await database.query<SeenRow>({
    text: `
SELECT learner.position::int AS position, seen.last_seen_at AS at
FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS learner (student_id, as_of, position)
JOIN lastseen.user_last_seen AS seen ON seen.student_id = learner.student_id AND seen.last_seen_at <= learner.as_of`,
    values: [uuidArray(learners.map(({ studentId }) => studentId)), asOfs(learners)],
  });
  return rowByItem(learners, rows);
}

/** Last seen by the source tables themselves: one statement per source, the latest of their results. */
export async function lastSeenInSources<L extends SeenUntil>(
  source: Queryable,
  learners: readonly L[],
  sources: ReadonlySet<Source>,
): Promise<ReadonlyMap<L, { readonly at: Instant }>> {
  const latest = new Map<L, { readonly at: Instant }>();
  for (const each of SOURCES.filter((one) => sources.has(one))) {
    const { rows } = await source.query<SeenRow>(latestActivity(each, learners));
    for (const [learner, { at }] of rowByItem(learners, rows)) {
      const before = latest.get(learner);
      if (before === undefined || at > before.at) latest.set(learner, { at });
    }
  }
  return latest;
}

/** The learners that a source table, `exam_results` or `ability_estimates` has a row of. */
export async function knownLearners<L extends Omit<SeenUntil, 'asOf'>>(
  source: Queryable,
  learners: readonly L[],
  sources: ReadonlySet<Source>,
): Promise<ReadonlySet<L>> {
  const columns = new Map<string, string>([
    ...[...sources].map((each) => [each, SOURCE_FACTS[each].learner] as const),
    ['exam_results', 'user_id'],
    ['ability_estimates', 'user_id'],
  ]);
  const exists = [...columns].map(
    ([table, column]) => `EXISTS (SELECT FROM ${table} AS known WHERE known.${column} = learner.${column})`,
  );
  const { rows } = await source.query<{ position: number }>({
    text: `
SELECT learner.position::int AS position
FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS learner (user_id, student_id, position)
WHERE ${exists.join(' OR ')}`,
    values: [textArray(learners.map(({ userId }) => userId)), uuidArray(learners.map(({ studentId }) => studentId))],
  });
  return new Set(rowByItem(learners, rows).keys());
}

/** As in `track`, an instant before 2000 and `-infinity` are not activity. */
function latestActivity(source: Source, learners: readonly SeenUntil[]): Statement {
  const byName = SOURCE_FACTS[source].learner === 'user_id';
  const at = activityInstant(source, 'activity');
  const ids = learners.map(({ userId, studentId }) => (byName ? userId : studentId));
  const isLearners = byName
    ? 'activity.user_id = learner.id AND activity.user_id = ANY ($1)'
    : hasStudentId('activity', 'learner.id', '$3');
  return {
    text: `
SELECT learner.position::int AS position, max(${at}) AS at
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS learner (id, as_of, position)
JOIN ${source} AS activity ON ${isLearners}
  AND ${at} BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
    values: [textArray(ids), asOfs(learners), ...(byName ? [] : [studentIdSpellings(learners)])],
  };
}

function asOfs(learners: readonly SeenUntil[]): Buffer {
  return instantArray(learners.map(({ asOf }) => asOf));
}

/**
 * SQL: whether a row of `attempt` is of the learner with this key, for a column of type uuid or text.
 *
 * @param spellings the parameter with {@link studentIdSpellings}. It has no cast, so Postgres gives it the column's type and
 *   uses the column's index.
 */
export function hasStudentId(row: string, key: string, spellings: string): string {
  return `${row}.student_id = ANY (${spellings}) AND lower(rtrim(${row}.student_id::text)) = ${key}`;
}

/** In lower and in upper case: a column of type text may have either. */
export function studentIdSpellings(learners: readonly { readonly studentId: StudentId }[]): readonly string[] {
  return learners.flatMap(({ studentId }) => [studentId, studentId.toUpperCase()]);
}
