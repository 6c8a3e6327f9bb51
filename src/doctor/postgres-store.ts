import type { Instant } from '../activity/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';

/** What a Postgres server reports about itself. */
export interface ServerFacts {
  /** E.g. 180004. */
  readonly versionNumber: number;
  readonly version: string;
  readonly role: string;
  readonly isStandby: boolean;
  readonly walLevel: string;
}

export async function readServerFacts(db: Queryable): Promise<ServerFacts> {
  const { rows } = await db.query<ServerFacts>({
    text: `
SELECT current_setting('server_version_num')::int AS "versionNumber", current_setting('server_version') AS version,
  current_user::text AS role, pg_is_in_recovery() AS "isStandby", current_setting('wal_level') AS "walLevel"`,
  });
  return single(rows, 'a SELECT without FROM returns one row');
}

export async function readClock(db: Queryable): Promise<Instant> {
  const { rows } = await db.query<{ at: Instant }>({ text: 'SELECT clock_timestamp() AS at' });
  return single(rows, 'a SELECT without FROM returns one row').at;
}

/** Own tables that the connected role may not read. */
export async function unreadableOwnTables(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>({
    text: `
SELECT relname::text AS name FROM pg_class
WHERE relnamespace = to_regnamespace('lastseen') AND relkind = 'r' AND NOT has_table_privilege(oid, 'SELECT')
ORDER BY relname`,
  });
  return rows.map(({ name }) => name);
}

export interface TableColumns {
  readonly table: string;
  readonly columns: readonly string[];
}

export interface TableFacts {
  readonly table: string;
  readonly exists: boolean;
  readonly missing: readonly string[];
  readonly unreadable: readonly string[];
  /** The type of the learner's column, e.g. `text`; null if there is no such column. */
  readonly learnerType: string | null;
  /** Whether an index that can be used begins with the learner's column. */
  readonly hasLearnerIndex: boolean;
}

/** Which wanted columns of the platform's tables do not exist, or are not readable by the connected role. */
export async function readTableFacts(db: Queryable, wanted: readonly TableColumns[]): Promise<readonly TableFacts[]> {
  const { rows } = await db.query<TableFacts>({
    text: `
SELECT wanted.name AS table, bool_or(found.oid IS NOT NULL) AS exists,
  coalesce(array_agg(wanted.column) FILTER (WHERE a.attnum IS NULL), '{}') AS missing,
  coalesce(array_agg(wanted.column) FILTER (
    WHERE a.attnum IS NOT NULL AND NOT has_column_privilege(found.oid, a.attnum, 'SELECT')
  ), '{}') AS unreadable,
  max(format_type(a.atttypid, NULL)) FILTER (WHERE wanted.column IN ('user_id', 'student_id')) AS "learnerType",
  coalesce(bool_or(EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = found.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum
  )) FILTER (WHERE wanted.column IN ('user_id', 'student_id')), false) AS "hasLearnerIndex"
FROM unnest($1::text[], $2::text[]) AS wanted (name, "column")
LEFT JOIN pg_class found ON found.oid = to_regclass('public.' || quote_ident(wanted.name))
LEFT JOIN pg_attribute a ON a.attrelid = found.oid AND a.attname = wanted.column AND NOT a.attisdropped
GROUP BY wanted.name
ORDER BY wanted.name`,
    values: [
      wanted.flatMap(({ table, columns }) => columns.map(() => table)),
      wanted.flatMap(({ columns }) => [...columns]),
    ],
  });
  return rows;
}
