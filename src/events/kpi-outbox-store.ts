import { type Instant, parseInstant } from '../activity/instant.ts';
import type { ProbabilityInterval } from '../kpi/figures/probability-interval.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Computed, KpiUpdate } from './kpi-updated-event.ts';

/** A ledger row on its way to the topic. */
export interface KpiLedgerRow extends KpiUpdate {
  readonly seq: bigint;
}

interface OutboxRow {
  readonly seq: bigint;
  readonly cause_event_id: string;
  readonly user_id: string;
  readonly week_start: string;
  readonly as_of: Instant;
  readonly computed: Computed;
  readonly p: number | null;
  readonly s: number | null;
  readonly previous_p: number | null;
  readonly previous_s: number | null;
  readonly p_low: number | null;
  readonly p_high: number | null;
  readonly p_insufficient_data: boolean | null;
  readonly recorded_at: Instant;
}

/** Ledger rows whose kpi-updated event is unpublished, oldest first. */
export function createKpiOutbox(db: Queryable) {
  return {
    async take(limit: number): Promise<readonly KpiLedgerRow[]> {
      const { rows } = await db.query<OutboxRow>({
        name: 'take_kpi_outbox',
        text: `
SELECT seq, cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
  p_insufficient_data, recorded_at
FROM lastseen.kpi_ledger WHERE published_at IS NULL ORDER BY seq LIMIT $1`,
        values: [limit],
      });
      return rows.map((row) => ({
        seq: row.seq,
        causeEventId: row.cause_event_id,
        userId: row.user_id,
        weekStart: parseInstant(row.week_start) ?? 0n,
        asOf: row.as_of,
        computed: row.computed,
        p: row.p,
        s: row.s,
        previousP: row.previous_p,
        previousS: row.previous_s,
        pInterval: intervalOf(row),
        recordedAt: row.recorded_at,
      }));
    },
    async markPublished(rows: readonly KpiLedgerRow[]): Promise<void> {
      await db.query({
        name: 'mark_kpi_outbox',
        text: 'UPDATE lastseen.kpi_ledger SET published_at = now() WHERE seq = ANY ($1::int8[])',
        values: [arrayLiteral(rows.map(({ seq }) => seq))],
      });
    },
  };
}

function intervalOf({ p_low, p_high, p_insufficient_data }: OutboxRow): ProbabilityInterval | null {
  if (p_low === null || p_high === null || p_insufficient_data === null) return null;
  return { low: p_low, high: p_high, insufficientData: p_insufficient_data };
}
