import type { Instant } from '../../activity/instant.ts';
import { SOURCES, type Source } from '../../activity/source.ts';
import { instantArray, textArray, uuidArray } from '../../postgres/binary-arrays.ts';
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
  const byUser = [textArray(learners.map(({ userId }) => userId)), asOfs(learners)];
  switch (source) {
    case 'exam_results':
      return {
        text: `
SELECT learner.position::int - 1 AS position, max(coalesce(exam.updated_at, exam.created_at)) AS at
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS learner (user_id, as_of, position)
JOIN exam_results AS exam ON exam.user_id = learner.user_id AND exam.user_id = ANY ($1)
  AND coalesce(exam.updated_at, exam.created_at) BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
        values: byUser,
      };
    case 'features_topic_daily':
      return {
        text: `
SELECT learner.position::int - 1 AS position, max(feature.last_seen_at) AS at
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS learner (user_id, as_of, position)
JOIN features_topic_daily AS feature ON feature.user_id = learner.user_id AND feature.user_id = ANY ($1)
  AND feature.last_seen_at BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
        values: byUser,
      };
    case 'attempt':
      return {
        text: `
SELECT learner.position::int - 1 AS position, max(attempt.completed_at) AS at
FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS learner (student_id, as_of, position)
JOIN attempt ON attempt.student_id = learner.student_id AND attempt.student_id = ANY ($1)
  AND attempt.completed_at BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
        values: [uuidArray(learners.map(({ studentId }) => studentId)), asOfs(learners)],
      };
    case 'session':
      return {
        text: `
SELECT learner.position::int - 1 AS position, max(coalesce(session.ended_at, session.started_at)) AS at
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS learner (user_id, as_of, position)
JOIN session ON session.user_id = learner.user_id AND session.user_id = ANY ($1)
  AND coalesce(session.ended_at, session.started_at) BETWEEN '2000-01-01 00:00:00Z' AND learner.as_of
GROUP BY learner.position`,
        values: byUser,
      };
  }
}

function asOfs(learners: readonly KpiLearner[]): Buffer {
  return instantArray(learners.map(({ asOf }) => asOf));
}
