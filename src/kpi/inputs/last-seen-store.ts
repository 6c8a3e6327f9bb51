import type { Instant } from '../../activity/instant.ts';
import { activityInstant, SOURCE_FACTS, SOURCES, type Source } from '../../activity/source.ts';
import { instantArray, textArray, uuidArray } from '../../postgres/arrays.ts';
import type { Queryable, Statement } from '../../postgres/database.ts';
import type { KpiLearner } from './goal-store.ts';

interface SeenRow {
  readonly position: number;
  readonly at: Instant;
}

/** Instants by the learner's position; learners that were not found are missing. */
type SeenByPosition = ReadonlyMap<number, Instant>;

/**
 * Last seen by the table. The table keeps the latest activity only, so a learner seen after the as-of is missing, as is
 * a learner without a row.
 */
export async function lastSeenInTable(lastseen: Queryable, learners: readonly KpiLearner[]): Promise<SeenByPosition> {
  const { rows } = await lastseen.query<SeenRow>({
    text: `
SELECT learner.position::int - 1 AS position, seen.last_seen_at AS at
FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS learner (student_id, as_of, position)
JOIN lastseen.user_last_seen AS seen ON seen.student_id = learner.student_id AND seen.last_seen_at <= learner.as_of`,
    values: [uuidArray(learners.map(({ studentId }) => studentId)), asOfs(learners)],
  });
  return new Map(rows.map(({ position, at }) => [position, at]));
}

/** Last seen by the source tables themselves: one statement per source, the latest of their results. */
export async function lastSeenInSources(
  source: Queryable,
  learners: readonly KpiLearner[],
  sources: ReadonlySet<Source>,
): Promise<SeenByPosition> {
  const latest = new Map<number, Instant>();
  for (const each of SOURCES.filter((one) => sources.has(one))) {
    const { rows } = await source.query<SeenRow>(latestActivity(each, learners));
    for (const { position, at } of rows) {
      const before = latest.get(position);
      if (before === undefined || at > before) latest.set(position, at);
    }
  }
  return latest;
}

/** As in `track`, an instant before 2000 and `-infinity` are not activity. */
function latestActivity(source: Source, learners: readonly KpiLearner[]): Statement {
  const column = SOURCE_FACTS[source].learner;
  const at = activityInstant(source, 'activity');
  const [type, ids] =
    column === 'user_id'
      ? ['text', textArray(learners.map(({ userId }) => userId))]
      : ['uuid', uuidArray(learners.map(({ studentId }) => studentId))];
  return {
    text: `
SELECT learner.position::int - 1 AS position, max(${at}) AS at
FROM unnest($1::${type}[], $2::timestamptz[]) WITH ORDINALITY AS learner (id, as_of, position)
JOIN ${source} AS activity ON activity.${column} = learner.id AND activity.${column} = ANY ($1)
  AND ${at} BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
    values: [ids, asOfs(learners)],
  };
}

function asOfs(learners: readonly KpiLearner[]): Buffer {
  return instantArray(learners.map(({ asOf }) => asOf));
}
