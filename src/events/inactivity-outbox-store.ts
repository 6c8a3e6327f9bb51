import type { StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import { INSTANTS_BY_SOURCE, perSource } from '../activity/source.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import { forEachBatch } from '../postgres/cursor.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import type { InactivityDecision, LastSeenBySource, Phase } from './inactivity-decision.ts';

/** A decided event on its way to the topic. */
export interface QueuedDecision extends InactivityDecision {
  readonly seq: bigint;
}

interface OutboxRow extends LastSeenBySource {
  readonly seq: bigint;
  readonly phase: Phase;
  readonly student_id: StudentId;
  readonly user_id: string;
  readonly threshold_days: number;
  readonly last_seen_at: Instant;
  readonly as_of: Instant;
  readonly sweep_run_id: string | null;
  readonly detected_at: Instant;
}

const SAID = `seq, phase, student_id, user_id, threshold_days, last_seen_at, ${INSTANTS_BY_SOURCE}, as_of, sweep_run_id,
  detected_at`;

function decisionOf(row: OutboxRow): QueuedDecision {
  return {
    seq: row.seq,
    phase: row.phase,
    studentId: row.student_id,
    userId: row.user_id,
    thresholdDays: row.threshold_days,
    lastSeenAt: row.last_seen_at,
    lastSeenBySource: perSource((source) => row[source]),
    asOf: row.as_of,
    sweepRunId: row.sweep_run_id,
    detectedAt: row.detected_at,
  };
}

/**
 * Reads the decisions of an outbox in batches, returns first.
 *
 * @param after the `seq` after which to read.
 */
export function eachDecision(
  database: Database,
  outbox: `lastseen.${string}`,
  after: bigint,
  onDecisions: (decisions: readonly QueuedDecision[]) => Promise<void>,
): Promise<void> {
  return forEachBatch<OutboxRow>(
    database,
    {
      text: `SELECT ${SAID} FROM ${outbox} WHERE seq > $1 ORDER BY phase DESC, student_id`,
      values: [after],
    },
    (rows) => onDecisions(rows.map(decisionOf)),
    1_000,
  );
}

/** Unpublished inactivity events, oldest first. */
export function createInactivityOutbox(db: Queryable) {
  return {
    async take(limit: number): Promise<readonly QueuedDecision[]> {
      const { rows } = await db.query<OutboxRow>({
        name: 'take_inactivity_outbox',
        text: `SELECT ${SAID} FROM lastseen.inactivity_outbox WHERE published_at IS NULL ORDER BY seq LIMIT $1`,
        values: [limit],
      });
      return rows.map(decisionOf);
    },
    async markPublished(rows: readonly QueuedDecision[]): Promise<void> {
      await db.query({
        name: 'mark_inactivity_outbox',
        text: 'UPDATE lastseen.inactivity_outbox SET published_at = now() WHERE seq = ANY ($1::int8[])',
        values: [arrayLiteral(rows.map(({ seq }) => seq))],
      });
    },
  };
}
