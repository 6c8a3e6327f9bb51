import type { StudentId } from '../activity/activity.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { studentIdOf } from '../activity/learner.ts';
import { activityInstant, SOURCE_FACTS, type Source } from '../activity/source.ts';
import { arrayLiteral, instantArray, textArray } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { rowByItem } from '../postgres/ordinality.ts';
import { IS_VALID } from './totals-store.ts';

/** A learner, and the last activity that is known. */
export interface SeenLearner {
  readonly studentId: StudentId;
  readonly userId: string;
  readonly lastSeenAt: Instant;
}

export interface LearnerColumn {
  /** The type to which a parameter is cast, so that an index can be used. */
  readonly type: 'text' | 'bpchar' | 'uuid';
  /** `hasLearnerIndex` of `readSourceTables`. */
  readonly isIndexed: boolean;
}

/**
 * The latest activity of each learner in a source table that is later than their last seen, by the rules of
 * `readSourceActivity`. Learners without one are left out. With an index, each learner is looked up by itself, so that the
 * cost depends on the number of learners only: the planner would rather scan a table of a million rows. Without an index,
 * the table is scanned once.
 *
 * @param until as for `readSourceActivity`.
 */
export async function newerActivity<L extends SeenLearner>(
  snapshot: Queryable,
  source: Source,
  { type, isIndexed }: LearnerColumn,
  until: Instant,
  learners: readonly L[],
): Promise<ReadonlyMap<L, { readonly at: Instant }>> {
  const spelled = learners.flatMap(({ lastSeenAt, ...learner }, index) =>
    spellings(source, type, learner).map((id) => ({ id, position: index + 1, lastSeenAt })),
  );
  // No name: see Statement.
  const { rows } = await snapshot.query<{ position: number; at: Instant }>({
    text: `
SELECT learner.position, max(activity.at) AS at
FROM unnest($2::text[], $3::int[], $4::timestamptz[]) AS learner (id, position, last_seen_at)
CROSS JOIN LATERAL (
  SELECT ${isIndexed ? 'max(at) AS at' : 'at'}
  FROM (
    SELECT t.${SOURCE_FACTS[source].learner} AS id, ${activityInstant(source, 't')}::timestamptz AS at
    FROM public.${source} AS t
  ) AS row_of_source
  WHERE row_of_source.id = learner.id::${type} AND at > learner.last_seen_at AND ${IS_VALID}
) AS activity
WHERE activity.at IS NOT NULL
GROUP BY learner.position`,
    values: [
      formatInstant(until),
      textArray(spelled.map(({ id }) => id)),
      arrayLiteral(spelled.map(({ position }) => position)),
      instantArray(spelled.map(({ lastSeenAt }) => lastSeenAt)),
    ],
  });
  return rowByItem(learners, rows);
}

/**
 * How a source table may have the learner: by the name, and by the key as text in lower and upper case (a name that is a
 * UUID is its own key). If a row was written under a wrong key, the key of its name is looked up too. Not found: a UUID in
 * mixed case other than the stored name, and text with trailing blanks; an audit finds them.
 */
function spellings(
  source: Source,
  type: LearnerColumn['type'],
  { studentId, userId }: Pick<SeenLearner, 'studentId' | 'userId'>,
): readonly string[] {
  const keys = new Set<string>([studentId, studentIdOf(userId)]);
  if (type === 'uuid') return [...keys];
  for (const key of [...keys]) keys.add(key.toUpperCase());
  if (SOURCE_FACTS[source].learner === 'user_id') keys.add(userId);
  return [...keys];
}

/** @param learnerType as of `readSourceTables` */
export function castOf(learnerType: string): LearnerColumn['type'] {
  if (learnerType === 'uuid') return 'uuid';
  return learnerType === 'character' || learnerType === 'bpchar' ? 'bpchar' : 'text';
}
