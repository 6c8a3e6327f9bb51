import type { Instant } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Lsn, Queryable } from '../postgres/database.ts';
import type { AuditCounts } from './audit-counts.ts';

/** What an audit writes: nothing; what is missing or behind; or also lower values than the table has. */
export type Repair = 'none' | 'missing' | 'trust_source';

/** The result of an audit. All counts are learners. */
export interface AuditResult {
  /** `clean`: no drift and no repair; `drift`: missing or behind; `repaired`: everything the audit was to repair. */
  readonly status: 'clean' | 'drift' | 'repaired';
  readonly snapshotAt: Instant;
  /** WAL position of the primary right after the snapshot. `track` had applied it before the comparison. */
  readonly snapshotLsn: Lsn;
  readonly learners: number;
  /** Learners with at least one field missing or behind. */
  readonly drifting: number;
  readonly counts: AuditCounts;
  readonly raised: number;
  /** Rows that were given a lower value. */
  readonly lowered: number;
  readonly deleted: number;
  /** Rows to lower or delete that another process changed meanwhile, so that they were left unchanged. */
  readonly conflicts: number;
}

/** A row of the history, as it is printed. */
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
  readonly lowered: bigint | null;
  readonly deleted: bigint | null;
  readonly conflicts: bigint | null;
  readonly failure: string | null;
  readonly started_at: Instant;
  readonly finished_at: Instant | null;
}

/** SQL: whether an audit has compared. */
export const WITH_RESULT = `status IN ('clean', 'drift', 'repaired')`;

/** The newest audits, newest first. */
export async function listAudits(db: Queryable, limit: number): Promise<readonly AuditRun[]> {
  const { rows } = await db.query<AuditRun>({
    text: `
SELECT run_id, status, sources, repair, snapshot_at, snapshot_lsn, learners, drifting, counts, raised,
  set_back AS lowered, deleted, moved AS conflicts, failure, started_at, finished_at
FROM lastseen.audit_run
ORDER BY started_at DESC, run_id DESC
LIMIT $1`,
    values: [limit],
  });
  return rows;
}

/** End of the newest audit with a result, and how many learners it left missing or behind; null: there is none. */
export async function readAuditState(db: Queryable): Promise<{ finishedAt: Instant; drifting: bigint } | null> {
  const { rows } = await db.query<{ finishedAt: Instant; drifting: bigint }>({
    text: `
SELECT finished_at AS "finishedAt", CASE WHEN status = 'drift' THEN drifting ELSE 0 END AS drifting
FROM lastseen.audit_run
WHERE ${WITH_RESULT}
ORDER BY finished_at DESC
LIMIT 1`,
  });
  return rows[0] ?? null;
}

/** The sources whose newest audit with a result ended without drift. */
export async function auditedSources(db: Queryable): Promise<ReadonlySet<Source>> {
  const { rows } = await db.query<{ source: Source }>({
    text: `
SELECT source
FROM unnest($1::text[]) AS source
CROSS JOIN LATERAL (
  SELECT status FROM lastseen.audit_run
  WHERE ${WITH_RESULT} AND source = ANY (sources)
  ORDER BY started_at DESC
  LIMIT 1
) AS newest
WHERE status <> 'drift'`,
    values: [[...SOURCES]],
  });
  return new Set(rows.map(({ source }) => source));
}

/** An audit that left learners missing or behind. */
export interface AuditDrift {
  readonly runId: string;
  readonly snapshotAt: Instant;
  /** Without those whose dead letters explain it. */
  readonly learners: bigint;
}

/**
 * The drift that the newest audit with a result left, without learners whose dead letters are open, or were applied since;
 * undefined if there is none.
 */
export async function readUnexplainedDrift(db: Queryable): Promise<AuditDrift | undefined> {
  const { rows } = await db.query<AuditDrift>({
    text: `
SELECT run_id AS "runId", snapshot_at AS "snapshotAt", drifting - (
  SELECT count(DISTINCT student_id) FROM lastseen.dead_letter
  WHERE drift_run_id = run_id AND (closed_at IS NULL OR closed_by IN ('track', 'replay'))
) AS learners
FROM (
  SELECT run_id, snapshot_at, status, drifting FROM lastseen.audit_run
  WHERE ${WITH_RESULT}
  ORDER BY started_at DESC
  LIMIT 1
) AS newest
WHERE status = 'drift'`,
  });
  return rows.find(({ learners }) => learners > 0n);
}
