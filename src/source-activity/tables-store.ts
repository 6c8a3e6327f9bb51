import { SOURCE_FACTS, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';

/** What the server knows of a source table. */
export interface SourceTable {
  readonly source: Source;
  /** The name of the database that was asked. */
  readonly database: string;
  readonly exists: boolean;
  /** Wanted columns that do not exist. */
  readonly missing: readonly string[];
  /** Wanted columns that the connected role may not read. */
  readonly unreadable: readonly string[];
  /** The type of the learner's column, e.g. `text`, or the type under a domain; null if there is no such column. */
  readonly learnerType: string | null;
  /** Whether an index serves the look-up of a learner in `newer-store.ts`. */
  readonly hasLearnerIndex: boolean;
}

/**
 * The learner's column and the wanted columns of the source tables.
 *
 * A look-up compares the learner for equality and the instant by a range, by the column's own collation. So the index is a
 * btree (oid 403) that begins with the column and contains every row.
 */
export async function readSourceTables(
  db: Queryable,
  wanted: Iterable<readonly [Source, readonly string[]]>,
): Promise<readonly SourceTable[]> {
  const columns = [...wanted].flatMap(([source, names]) =>
    names.map((column) => ({ source, column, isLearner: column === SOURCE_FACTS[source].learner })),
  );
  const { rows } = await db.query<SourceTable>({
    text: `
SELECT wanted.source, current_database()::text AS database, bool_or(found.oid IS NOT NULL) AS exists,
  coalesce(array_agg(wanted."column" ORDER BY place) FILTER (WHERE a.attnum IS NULL), '{}') AS missing,
  coalesce(array_agg(wanted."column" ORDER BY place) FILTER (
    WHERE has_column_privilege(a.attrelid, a.attnum, 'SELECT') IS FALSE
  ), '{}') AS unreadable,
  max(coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text) FILTER (WHERE is_learner) AS "learnerType",
  coalesce(bool_or(EXISTS (
    SELECT FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid AND c.relam = 403
    WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indcollation[0] = a.attcollation
      AND i.indisvalid AND i.indpred IS NULL
  )) FILTER (WHERE is_learner), false) AS "hasLearnerIndex"
FROM unnest($1::text[], $2::text[], $3::boolean[]) WITH ORDINALITY AS wanted (source, "column", is_learner, place)
LEFT JOIN pg_class found ON found.oid = to_regclass('public.' || wanted.source)
LEFT JOIN pg_attribute a ON a.attrelid = found.oid AND a.attname = wanted."column" AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
GROUP BY wanted.source
ORDER BY wanted.source`,
    values: [
      columns.map(({ source }) => source),
      columns.map(({ column }) => column),
      columns.map(({ isLearner }) => isLearner),
    ],
  });
  return rows;
}
