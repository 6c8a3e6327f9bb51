import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { Database, Lsn, Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';
import type { SlotEvidence } from './judgement.ts';

/** The two databases of a proof. They are the same one unless SLOT_DATABASE_URL is set. */
export interface SourceDatabases {
  /** lastseen's own tables. */
  readonly database: Database;
  /** The connector's slot, with the publication and the source tables. It may be a standby of `database`. */
  readonly slotDatabase: Database;
}

/**
 * The database that has log positions and accepts signals: that of the slot, or its primary if the connector decodes from
 * a standby.
 *
 * @throws LastseenError `config_invalid` if the primary is not known.
 */
export async function sourcePrimary({ database, slotDatabase }: SourceDatabases): Promise<Database> {
  if (slotDatabase === database || !(await isStandby(slotDatabase))) return slotDatabase;
  if ((await systemIdentifier(database)) === (await systemIdentifier(slotDatabase))) return database;
  throw new LastseenError(
    'config_invalid',
    'SLOT_DATABASE_URL is a standby, and DATABASE_URL is not on its primary, so the log position of the primary is ' +
      'unknown; set DATABASE_URL to a database on the primary',
  );
}

/** The same on a primary and all its standbys. */
async function systemIdentifier(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ id: bigint }>({ text: 'SELECT system_identifier AS id FROM pg_control_system()' });
  return single(rows, 'pg_control_system() returns one row').id;
}

export interface SourcePosition {
  readonly position: Lsn;
  /** By the source's clock, read before the position: what was committed until then is before the position. */
  readonly at: Instant;
}

/**
 * A WAL position past all commits that are visible at the source; undefined until the source's clock has reached the
 * instant, because a commit before the instant may still follow. The position of inserts, not of writes: with
 * `synchronous_commit=off` a commit is visible before it is written.
 *
 * @throws LastseenError `not_fresh` on a standby, which has no WAL position of its own.
 */
export async function readPosition(source: Queryable, asOf: Instant): Promise<SourcePosition | undefined> {
  const { rows } = await source.query<{ at: Instant; lsn: Lsn | null }>({
    text: `
SELECT clock_timestamp() AS at, CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END AS lsn`,
  });
  const { at, lsn } = single(rows, 'a SELECT without FROM returns one row');
  if (lsn === null) {
    throw new LastseenError(
      'not_fresh',
      'DATABASE_URL is a standby, and freshness can only be proven on the primary; set it to the primary',
    );
  }
  return at >= asOf ? { position: lsn, at } : undefined;
}

/** Only the position of {@link readPosition}. */
export async function currentPosition(source: Queryable, asOf: Instant): Promise<Lsn | undefined> {
  return (await readPosition(source, asOf))?.position;
}

export async function isStandby(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ standby: boolean }>({ text: 'SELECT pg_is_in_recovery() AS standby' });
  return single(rows, 'a SELECT without FROM returns one row').standby;
}

export async function slotExists(source: Queryable, name: string): Promise<boolean> {
  const { count } = await source.query({
    text: `SELECT FROM pg_replication_slots WHERE slot_name = $1 AND slot_type = 'logical' AND database = current_database()`,
    values: [name],
  });
  return count > 0;
}

type ComparedSlot =
  | Exclude<SlotEvidence, { readonly kind: 'behind' }>
  | {
      readonly name: string;
      readonly kind: 'behind';
      readonly bytes: bigint;
      /** The position that an active slot has confirmed; null if the connector is not connected. */
      readonly confirmed: Lsn | null;
    };

/** Compares the connector's slot with a position. Connect confirms only what Kafka has acknowledged. */
export async function compareSlot(source: Queryable, name: string, position: Lsn): Promise<ComparedSlot> {
  const { rows } = await source.query<{
    lost: boolean;
    past: boolean;
    bytes: bigint;
    active: boolean;
    confirmed: Lsn | null;
  }>({
    text: `
SELECT
  coalesce(wal_status = 'lost', false) AS lost,
  active,
  confirmed_flush_lsn::text AS confirmed,
  coalesce(confirmed_flush_lsn > $2::pg_lsn, false) AS past,
  coalesce(pg_wal_lsn_diff($2::pg_lsn, confirmed_flush_lsn), 0)::int8 AS bytes
FROM pg_replication_slots
WHERE slot_name = $1 AND slot_type = 'logical' AND database = current_database()`,
    values: [name, position],
  });
  const [row] = rows;
  if (row === undefined) return { name, kind: 'missing' };
  if (row.lost) return { name, kind: 'lost' };
  if (row.past) return { name, kind: 'past' };
  return { name, kind: 'behind', bytes: row.bytes, confirmed: row.active ? row.confirmed : null };
}

export interface SlotState {
  readonly active: boolean;
  /** `wal_status` in Postgres: `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | null;
  readonly behindBytes: bigint;
  /** Why Postgres invalidated it; null if it is valid, and before Postgres 17. */
  readonly invalidationReason: string | null;
  /** Whether standbys keep a copy of it; null before Postgres 17. */
  readonly failover: boolean | null;
  /** This is a primary with a standby that could be promoted: one that streams by a physical slot, as copies need it. */
  readonly hasStandby: boolean;
}

/** The current state of the connector's slot; undefined if there is none. Old versions lack some of the columns. */
export async function readSlotState(source: Queryable, name: string): Promise<SlotState | undefined> {
  const { rows } = await source.query<SlotState>({
    text: `
SELECT active, wal_status AS "walStatus", coalesce(pg_wal_lsn_diff(
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, confirmed_flush_lsn
), 0)::int8 AS "behindBytes", columns ->> 'invalidation_reason' AS "invalidationReason",
  (columns ->> 'failover')::boolean AS failover,
  NOT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_replication_slots WHERE slot_type = 'physical') AS "hasStandby"
FROM pg_replication_slots AS slot, to_jsonb(slot) AS columns
WHERE slot_name = $1 AND slot_type = 'logical' AND database = current_database()`,
    values: [name],
  });
  return rows[0];
}

/** The given sources whose tables have a row. The tables of other sources may not exist. */
export async function sourcesWithRows(db: Queryable, sources: Iterable<Source>): Promise<ReadonlySet<Source>> {
  const found = new Set<Source>();
  for (const source of sources) {
    const { rows } = await db.query<{ has: boolean }>({ text: `SELECT EXISTS (SELECT FROM public.${source}) AS has` });
    if (single(rows, 'SELECT EXISTS returns one row').has) found.add(source);
  }
  return found;
}
