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

export async function hasOwnSchema(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ exists: boolean }>({
    text: `SELECT to_regnamespace('lastseen') IS NOT NULL AS exists`,
  });
  return single(rows, 'a SELECT without FROM returns one row').exists;
}

/** Tables that a snapshot could not read. */
export interface UnreadByConnector {
  /** That of the connector, while it is connected. */
  readonly role: string;
  readonly tables: readonly string[];
}

/**
 * Which of these tables the role that reads the slot may not read. It streams their changes anyway: only a snapshot reads them.
 *
 * @param tables `schema.table`
 */
export async function unreadByConnector(
  source: Queryable,
  slot: string,
  tables: readonly string[],
): Promise<UnreadByConnector | undefined> {
  const { rows } = await source.query<UnreadByConnector>({
    text: `
SELECT a.usename::text AS role, array_agg(wanted.name ORDER BY wanted.name) AS tables
FROM pg_replication_slots s
JOIN pg_stat_activity a ON a.pid = s.active_pid
CROSS JOIN unnest($2::text[]) AS wanted (name)
WHERE s.slot_name = $1 AND s.database = current_database()
  AND NOT has_table_privilege(a.usesysid, to_regclass(wanted.name), 'SELECT')
GROUP BY 1`,
    values: [slot, tables],
  });
  return rows[0];
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
