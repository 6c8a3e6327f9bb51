import { INSTANTS_BY_SOURCE } from '../activity/source.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';
import type { InactivityDecision } from './inactivity-decision.ts';
import { type InactivityEvent, inactivityRecord } from './inactivity-event.ts';
import { type KpiUpdatedEvent, kpiUpdatedRecord, type LedgerRow } from './kpi-updated-event.ts';

/** A table of events that are published, in the order of `seq`, after the transaction that recorded them. */
export interface Outbox<Row extends OutboxRow, Event> extends OutboxTable {
  /** SQL: the columns of a row, under the names of its fields. */
  readonly columns: string;
  readonly lock: 'inactivity_relay' | 'kpi_relay';
  readonly toRecord: (row: Row, encode: (event: Event) => Buffer) => OutgoingRecord;
}

/** Rows are unpublished while their `published_at` is null; `lastseen.unpublished` lists them by `table` and `seq`. */
export interface OutboxTable {
  /** The label in metrics. */
  readonly name: 'inactivity' | 'kpi_updated';
  readonly table: `lastseen.${string}`;
  /** The column with the instant at which the event was recorded. */
  readonly recordedAt: string;
}

export interface OutboxRow {
  readonly seq: bigint;
}

export interface DecisionRow extends InactivityDecision, OutboxRow {}

export const INACTIVITY_OUTBOX: Outbox<DecisionRow, InactivityEvent> = {
  name: 'inactivity',
  table: 'lastseen.inactivity_outbox',
  columns: `seq, phase, student_id AS "studentId", user_id AS "userId", threshold_days AS "thresholdDays",
    last_seen_at AS "lastSeenAt", ${INSTANTS_BY_SOURCE}, as_of AS "asOf", sweep_run_id AS "sweepRunId",
    detected_at AS "detectedAt", reopenings`,
  recordedAt: 'detected_at',
  lock: 'inactivity_relay',
  toRecord: inactivityRecord,
};

export const KPI_UPDATED_OUTBOX: Outbox<LedgerRow, KpiUpdatedEvent> = {
  name: 'kpi_updated',
  table: 'lastseen.kpi_ledger',
  columns: `seq, recorded_at, user_id, week_start - date '1970-01-01' AS week_start, as_of, p AS "P", s AS "S",
    previous_p AS "previous_P", previous_s AS "previous_S", computed, cause_event_id, p_low AS "P_low",
    p_high AS "P_high", p_insufficient_data AS "P_insufficient_data"`,
  recordedAt: 'recorded_at',
  lock: 'kpi_relay',
  toRecord: kpiUpdatedRecord,
};
