import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { AuditResult, Repair } from '../history/audit-runs-store.ts';
import type { Queryable } from '../postgres/database.ts';

/**
 * Inserts the history row of an audit. The caller holds the audit lock, so rows that are still `running` belong to
 * processes that have ended; they are closed as failed.
 */
export async function openAudit(
  db: Queryable,
  runId: string,
  { sources, repair, startedAt }: { sources: readonly Source[]; repair: Repair; startedAt: Instant },
): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.audit_run SET status = 'failed', failure = 'process exited without recording a result', finished_at = $1
WHERE status = 'running'`,
    values: [formatInstant(startedAt)],
  });
  await db.query({
    text: `
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at) VALUES ($1, 'running', $2, $3, $4)`,
    values: [runId, [...sources], repair, formatInstant(startedAt)],
  });
}

export async function completeAudit(db: Queryable, runId: string, result: AuditResult): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.audit_run SET
  status = $2, snapshot_at = $3, snapshot_lsn = $4, learners = $5, drifting = $6, counts = $7, raised = $8,
  set_back = $9, deleted = $10, moved = $11, finished_at = clock_timestamp()
WHERE run_id = $1`,
    values: [
      runId,
      result.status,
      formatInstant(result.snapshotAt),
      result.snapshotLsn,
      result.learners,
      result.drifting,
      JSON.stringify(result.counts),
      result.raised,
      result.lowered,
      result.deleted,
      result.conflicts,
    ],
  });
}

export async function failAudit(db: Queryable, runId: string, failure: string): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.audit_run SET status = 'failed', failure = $2, finished_at = clock_timestamp()
WHERE run_id = $1 AND status = 'running'`,
    values: [runId, failure],
  });
}
