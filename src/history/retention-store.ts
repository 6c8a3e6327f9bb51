import type { Instant } from '../activity/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';

/** What `lastseen prune` has removed. */
export interface Retention {
  /**
   * The instant at which the first complete week begins: before it, answers, watermarks and closed episodes may be missing.
   * Null: none is.
   */
  readonly floor: Instant | null;
  /** End of the newest complete prune. */
  readonly prunedAt: Instant | null;
  /** When the tables got what prune needs. */
  readonly createdAt: Instant;
}

export async function readRetention(db: Queryable): Promise<Retention> {
  const { rows } = await db.query<Retention>({
    text: `
SELECT week_floor::timestamp AT TIME ZONE 'UTC' AS floor, pruned_at AS "prunedAt", created_at AS "createdAt"
FROM lastseen.retention`,
  });
  return single(rows, 'the migration inserts one row');
}

export interface OwnTableSize {
  readonly table: string;
  /** With indexes, and of all partitions. */
  readonly bytes: number;
}

/** Needs no right on the tables. */
export async function readOwnTableSizes(db: Queryable): Promise<readonly OwnTableSize[]> {
  const { rows } = await db.query<OwnTableSize>({
    text: `
SELECT whole.relname::text AS table, sum(pg_total_relation_size(part.oid))::float8 AS bytes
FROM pg_class part
JOIN pg_class whole ON whole.oid = coalesce(pg_partition_root(part.oid), part.oid)
WHERE part.relnamespace = to_regnamespace('lastseen') AND part.relkind = 'r'
GROUP BY whole.relname`,
  });
  return rows;
}
