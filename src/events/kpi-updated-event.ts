import { v5 as uuidv5 } from 'uuid';
import { formatInstant, type Instant } from '../activity/instant.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';

/** Which figures were computed: P and S of an existing row, or all six. */
export type Computed = 'P_AND_S' | 'ALL';

/** The event's value, as in `schemas/lastseen.kpi-updated.v1.avsc`: the recorded answer to an inactivity event. */
export interface KpiUpdatedEvent {
  readonly user_id: string;
  /** The ISO Monday (UTC) of the as-of, in days since 1970-01-01. */
  readonly week_start: number;
  readonly as_of: Instant;
  readonly P: number | null;
  readonly S: number | null;
  readonly previous_P: number | null;
  readonly previous_S: number | null;
  readonly computed: Computed;
  /** The id of the inactivity event. */
  readonly cause_event_id: string;
  /** The interval of P; null if there is no P. */
  readonly P_low: number | null;
  readonly P_high: number | null;
  readonly P_insufficient_data: boolean | null;
}

const NAMESPACE = '5e0f2c7b-97b3-5a0b-8f4e-2f1d6f0c8a44';

/** A row of the ledger, with the names of the event. */
export interface LedgerRow extends KpiUpdatedEvent {
  readonly seq: bigint;
  readonly recorded_at: Instant;
}

/**
 * The record, keyed by the learner, with CloudEvents attributes as headers. Its id is UUIDv5 of the cause's id, so an
 * answer that is published twice, by any process, is the same event.
 */
export function kpiUpdatedRecord(
  { seq: _, recorded_at, ...event }: LedgerRow,
  encode: (event: KpiUpdatedEvent) => Buffer,
): OutgoingRecord {
  return {
    key: event.user_id,
    value: encode(event),
    headers: {
      ce_specversion: '1.0',
      ce_id: uuidv5(event.cause_event_id, NAMESPACE),
      ce_type: 'lastseen.kpi-updated.v1',
      ce_source: '/lastseen/recompute',
      ce_time: formatInstant(recorded_at),
      ce_subject: event.user_id,
    },
  };
}
