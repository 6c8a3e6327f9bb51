import { z } from 'zod';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { CaptureBreak, CaptureEvidence } from './capture-evidence.ts';

/** What to look at. */
export interface CaptureNames {
  readonly slot: string;
  readonly publication: string;
  readonly sources: readonly Source[];
}

// Fields with a default are missing from the evidence of earlier releases.
const BIGINT = z.string().transform(BigInt);
const EVIDENCE = z.object({
  systemIdentifier: z.string(),
  timeline: z.number(),
  flushLsn: BIGINT,
  statisticsSince: BIGINT.nullable().default(null),
  slot: z
    .object({
      name: z.string(),
      restartLsn: BIGINT.nullable(),
      confirmedFlushLsn: BIGINT.nullable(),
      totalTxns: BIGINT,
      failover: z.boolean(),
      synced: z.boolean(),
    })
    .nullable(),
  publication: z.object({ name: z.string(), oid: z.string(), xmin: z.string() }).nullable(),
  members: z.array(
    z.object({
      source: z.enum(SOURCES),
      table: z.string(),
      classOid: z.string().nullable(),
      memberships: z.array(z.string()),
    }),
  ),
  offset: z.object({ connector: z.string(), isStopped: z.boolean(), lsn: BIGINT.nullable() }).nullable().default(null),
});

/** All but the committed offset. Catalogs and server functions only, which every role may read by default. */
export async function readCaptureEvidence(
  source: Queryable,
  names: CaptureNames,
): Promise<Omit<CaptureEvidence, 'offset'>> {
  const { rows } = await source.query<{ evidence: unknown }>({
    text: SEEN,
    values: [names.slot, names.publication, names.sources],
  });
  return EVIDENCE.parse(single(rows, 'a SELECT without FROM returns one row').evidence);
}

/**
 * The timeline is that of the current WAL file: after a promotion `pg_control_checkpoint()` has the old one until the next
 * checkpoint. Columns of later releases of Postgres are read by name. Integers are text, because JSON numbers are doubles.
 */
const SEEN = `
WITH publication AS (
  SELECT oid, xmin, pubname, puballtables FROM pg_publication WHERE pubname = $2
), relation AS (
  SELECT source, c.oid, coalesce(n.nspname || '.' || c.relname, 'public.' || source) AS name, c.relnamespace
  FROM unnest($3::text[]) AS source
  LEFT JOIN pg_class root ON root.relname = source AND root.relnamespace = 'public'::regnamespace
  LEFT JOIN LATERAL (SELECT root.oid UNION SELECT relid FROM pg_partition_tree(root.oid)) AS tree ON true
  LEFT JOIN pg_class c ON c.oid = tree.oid
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
), membership AS (
  SELECT relation.oid, r.oid AS by FROM relation JOIN publication ON true
  JOIN pg_publication_rel r ON r.prpubid = publication.oid AND r.prrelid = relation.oid
  UNION
  SELECT relation.oid, s.oid FROM relation JOIN publication ON true
  JOIN pg_publication_namespace s ON s.pnpubid = publication.oid AND s.pnnspid = relation.relnamespace
  UNION
  SELECT relation.oid, publication.oid FROM relation JOIN publication ON puballtables
)
SELECT jsonb_build_object(
  'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
  'flushLsn', (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::text,
  'statisticsSince', (SELECT trunc(extract(epoch FROM stats_reset) * 1000000)::text FROM pg_stat_archiver),
  'slot', (
    SELECT jsonb_build_object(
      'name', slot.slot_name,
      'restartLsn', (slot.restart_lsn - '0/0')::text,
      'confirmedFlushLsn', (slot.confirmed_flush_lsn - '0/0')::text,
      'totalTxns', coalesce(total_txns, 0)::text,
      'failover', coalesce((to_jsonb(slot)->>'failover')::boolean, false),
      'synced', coalesce((to_jsonb(slot)->>'synced')::boolean, false)
    )
    FROM pg_replication_slots slot LEFT JOIN pg_stat_replication_slots USING (slot_name)
    WHERE slot_name = $1 AND slot_type = 'logical' AND slot.database = current_database()
  ),
  'publication', (SELECT jsonb_build_object('name', pubname, 'oid', oid::text, 'xmin', xmin::text) FROM publication),
  'members', (
    SELECT jsonb_agg(jsonb_build_object(
      'source', source, 'table', name, 'classOid', oid::text,
      'memberships', (SELECT coalesce(jsonb_agg(by::text ORDER BY by), '[]') FROM membership WHERE membership.oid = relation.oid)
    ) ORDER BY source, name)
    FROM relation
  )
) AS evidence`;

export interface StoredEvidence {
  readonly evidence: CaptureEvidence;
  readonly lastSeenAt: Instant;
}

/** The newest evidence, without a lock. */
export async function readStoredEvidence(db: Queryable): Promise<StoredEvidence | undefined> {
  const { rows } = await db.query<{ evidence: unknown; lastSeenAt: Instant }>({
    text: `
SELECT evidence, last_seen_at AS "lastSeenAt" FROM lastseen.capture_evidence WHERE replaced_at IS NULL`,
  });
  const [row] = rows;
  return row && { ...row, evidence: EVIDENCE.parse(row.evidence) };
}

/** Until the transaction ends, no other look is recorded: looks are compared in the order in which they were taken. */
export async function lockEvidence(tx: Queryable): Promise<void> {
  await tx.query({ text: 'LOCK TABLE lastseen.capture_evidence IN SHARE ROW EXCLUSIVE MODE' });
}

/** Updates the current row, or starts the next one. The caller has the lock. */
export async function saveEvidence(
  tx: Queryable,
  { evidence, at, isNew }: { readonly evidence: CaptureEvidence; readonly at: Instant; readonly isNew: boolean },
): Promise<void> {
  const json = JSON.stringify(evidence, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  if (!isNew) {
    await tx.query({
      text: `
UPDATE lastseen.capture_evidence SET evidence = $1, last_seen_at = greatest(last_seen_at, $2) WHERE replaced_at IS NULL`,
      values: [json, formatInstant(at)],
    });
    return;
  }
  await tx.query({
    text: 'UPDATE lastseen.capture_evidence SET replaced_at = $1 WHERE replaced_at IS NULL',
    values: [formatInstant(at)],
  });
  await tx.query({
    text: 'INSERT INTO lastseen.capture_evidence (evidence, first_seen_at, last_seen_at) VALUES ($1, $2, $2)',
    values: [json, formatInstant(at)],
  });
}

export interface OpenBreak extends CaptureBreak {
  readonly breakId: bigint;
}

/** @param sources the sources of which changes may be missing. */
export async function recordBreak(tx: Queryable, found: CaptureBreak, sources: readonly Source[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.capture_break (changes, sources, last_intact_at, found_at) VALUES ($1, $2, $3, $4)`,
    values: [[...found.changes], [...sources], formatInstant(found.lastIntactAt), formatInstant(found.foundAt)],
  });
}

export async function openBreaks(db: Queryable): Promise<readonly OpenBreak[]> {
  const { rows } = await db.query<OpenBreak>({
    text: `
SELECT break_id AS "breakId", changes, last_intact_at AS "lastIntactAt", found_at AS "foundAt"
FROM lastseen.capture_break
WHERE closed_at IS NULL
ORDER BY break_id`,
  });
  return rows;
}

/**
 * Closes the given breaks of these sources. The caller has compared last seen with the source tables, and capture did not
 * break meanwhile.
 *
 * @returns how many were closed.
 */
export async function closeBreaks(
  tx: Queryable,
  breaks: readonly OpenBreak[],
  sources: readonly Source[],
  closedBy: string,
): Promise<number> {
  if (breaks.length === 0) return 0;
  const { count } = await tx.query({
    text: `
UPDATE lastseen.capture_break SET closed_at = now(), closed_by = $3
WHERE closed_at IS NULL AND break_id = ANY ($1::int8[]) AND sources <@ $2::text[]`,
    values: [breaks.map(({ breakId }) => String(breakId)), [...sources], closedBy],
  });
  return count;
}
