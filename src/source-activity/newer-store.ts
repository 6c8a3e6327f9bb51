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
  /** Whether an index begins with the column. */
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

export interface SourceLayout {
  readonly source: Source;
  /** Undefined if it is missing. */
  readonly learner: LearnerColumn | undefined;
  /** Columns that do not exist. */
  readonly missing: readonly string[];
  /** Columns that the connected role may not read. */
  readonly unreadable: readonly string[];
}

/** The columns of learner and instant in the tables of the sources. */
export async function readSourceLayouts(db: Queryable, sources: Iterable<Source>): Promise<readonly SourceLayout[]> {
  const wanted = [...sources].flatMap((source) =>
    [SOURCE_FACTS[source].learner, ...SOURCE_FACTS[source].instants].map((column) => ({ source, column })),
  );
  const { rows } = await db.query<{
    source: Source;
    column: string;
    type: string | null;
    readable: boolean | null;
    indexed: boolean;
  }>({
    // 403 is the oid of btree.
    text: `
SELECT wanted.source, wanted."column", coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text AS type,
  has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
  EXISTS (
    SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relam = 403
    WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
  ) AS indexed
FROM unnest($1::text[], $2::text[]) AS wanted (source, "column")
LEFT JOIN pg_attribute a
  ON a.attrelid = to_regclass('public.' || wanted.source) AND a.attname = wanted."column" AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid`,
    values: [wanted.map(({ source }) => source), wanted.map(({ column }) => column)],
  });
  return [...Map.groupBy(rows, ({ source }) => source)].map(([source, columns]) => {
    const learner = columns.find(({ column }) => column === SOURCE_FACTS[source].learner);
    return {
      source,
      learner: learner?.type == null ? undefined : { type: castOf(learner.type), isIndexed: learner.indexed },
      missing: columns.filter(({ type }) => type === null).map(({ column }) => column),
      unreadable: columns.filter(({ readable }) => readable === false).map(({ column }) => column),
    };
  });
}

function castOf(type: string): LearnerColumn['type'] {
  if (type === 'uuid') return 'uuid';
  return type === 'character' || type === 'bpchar' ? 'bpchar' : 'text';
}
