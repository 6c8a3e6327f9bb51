import { v5 as uuidv5 } from 'uuid';
import { dayNumber, formatInstant, type Instant } from '../activity/instant.ts';
import type { ProbabilityInterval } from '../kpi/figures/probability-interval.ts';

/** Which figures were computed: P and S of a row that stands, or all six. */
export type Computed = 'P_AND_S' | 'ALL';

/** What was recorded when an inactivity event was answered. */
export interface KpiUpdate {
  readonly userId: string;
  /** The ISO Monday (UTC) of the as-of. */
  readonly weekStart: Instant;
  readonly asOf: Instant;
  readonly p: number | null;
  readonly s: number | null;
  readonly previousP: number | null;
  readonly previousS: number | null;
  /** How far P may be off; null where there is no P. */
  readonly pInterval: ProbabilityInterval | null;
  readonly computed: Computed;
  readonly causeEventId: string;
  readonly recordedAt: Instant;
}

/** A `lastseen.kpi-updated.v1` record before its value is encoded by `schemas/lastseen.kpi-updated.v1.avsc`. */
export interface KpiUpdatedEvent {
  readonly key: string;
  readonly value: {
    readonly user_id: string;
    /** Days since 1970-01-01. */
    readonly week_start: number;
    /** Microseconds since 1970-01-01T00:00:00Z. */
    readonly as_of: bigint;
    readonly P: number | null;
    readonly S: number | null;
    readonly previous_P: number | null;
    readonly previous_S: number | null;
    readonly computed: Computed;
    readonly cause_event_id: string;
    readonly P_low: number | null;
    readonly P_high: number | null;
    readonly P_insufficient_data: boolean | null;
  };
  readonly headers: Record<string, string>;
}

const NAMESPACE = '5e0f2c7b-97b3-5a0b-8f4e-2f1d6f0c8a44';

/** The same answer published twice, by whichever process, is the same event: its id is UUIDv5 of the cause's id. */
export function kpiUpdatedEvent(update: KpiUpdate): KpiUpdatedEvent {
  return {
    key: update.userId,
    value: {
      user_id: update.userId,
      week_start: dayNumber(update.weekStart),
      as_of: update.asOf,
      P: update.p,
      S: update.s,
      previous_P: update.previousP,
      previous_S: update.previousS,
      computed: update.computed,
      cause_event_id: update.causeEventId,
      P_low: update.pInterval?.low ?? null,
      P_high: update.pInterval?.high ?? null,
      P_insufficient_data: update.pInterval?.insufficientData ?? null,
    },
    headers: {
      ce_specversion: '1.0',
      ce_id: uuidv5(update.causeEventId, NAMESPACE),
      ce_type: 'lastseen.kpi-updated.v1',
      ce_source: '/lastseen/recompute',
      ce_time: formatInstant(update.recordedAt),
      ce_subject: update.userId,
    },
  };
}
