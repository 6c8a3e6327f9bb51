import type { Instant } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Lsn } from '../postgres/lsn.ts';
import type { AuditCounts } from './audit-counts.ts';

/** What an audit may write: nothing; what is missing or behind; or also what sets back what the sources do not say. */
export type Repair = 'none' | 'missing' | 'trust_source';

/** What an audit found and wrote. All counts are learners. */
export interface AuditResult {
  /** Nothing missing or behind and nothing written; something missing or behind; or all of it repaired. */
  readonly status: 'clean' | 'drift' | 'repaired';
  readonly snapshotAt: Instant;
  /** The source's position at the snapshot, applied before the comparison. */
  readonly position: Lsn;
  readonly learners: number;
  /** Missing or behind in a source, or in their name. */
  readonly drifting: number;
  readonly counts: AuditCounts;
  readonly raised: number;
  readonly setBack: number;
  readonly deleted: number;
  /** To be set back, but moved by others in the meantime: left as they are. */
  readonly moved: number;
}

/** A row of the history as people and machines are shown it. */
export interface AuditRun {
  readonly run_id: string;
  readonly status: 'running' | AuditResult['status'] | 'failed';
  readonly sources: readonly Source[];
  readonly repair: Repair;
  readonly snapshot_at: Instant | null;
  readonly snapshot_lsn: Lsn | null;
  readonly learners: bigint | null;
  readonly drifting: bigint | null;
  readonly counts: AuditCounts | null;
  readonly raised: bigint | null;
  readonly set_back: bigint | null;
  readonly deleted: bigint | null;
  readonly moved: bigint | null;
  readonly failure: string | null;
  readonly started_at: Instant;
  readonly finished_at: Instant | null;
}

/** The newest audits, newest first. */
export async function listAudits(db: Queryable, most: number): Promise<readonly AuditRun[]> {
  const { rows } = await db.query<AuditRun>({
    text: `
SELECT run_id, status, sources, repair, snapshot_at, snapshot_lsn, learners, drifting, counts, raised, set_back,
  deleted, moved, failure, started_at, finished_at
FROM lastseen.audit_run
ORDER BY started_at DESC, run_id DESC
LIMIT $1`,
    values: [most],
  });
  return rows;
}

/** When the newest audit that came to an end did so, and how many learners it left missing or behind; null: none has. */
export async function readAuditState(db: Queryable): Promise<{ finishedAt: Instant; drifting: bigint } | null> {
  const { rows } = await db.query<{ finishedAt: Instant; drifting: bigint }>({
    text: `
SELECT finished_at AS "finishedAt", CASE WHEN status = 'drift' THEN drifting ELSE 0 END AS drifting
FROM lastseen.audit_run
WHERE status IN ('clean', 'drift', 'repaired')
ORDER BY finished_at DESC
LIMIT 1`,
  });
  return rows[0] ?? null;
}

/** The sources that the newest audit of them found, or left, without drift. */
export async function auditedSources(db: Queryable): Promise<ReadonlySet<Source>> {
  const { rows } = await db.query<{ source: Source }>({
    text: `
SELECT source
FROM unnest($1::text[]) AS source
CROSS JOIN LATERAL (
  SELECT status FROM lastseen.audit_run
  WHERE status IN ('clean', 'drift', 'repaired') AND source = ANY (sources)
  ORDER BY started_at DESC
  LIMIT 1
) AS newest
WHERE status <> 'drift'`,
    values: [[...SOURCES]],
  });
  return new Set(rows.map(({ source }) => source));
}
