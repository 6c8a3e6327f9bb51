import { type Instant, MICROS_PER_DAY, startOfIsoWeek } from '../activity/instant.ts';

/** Published events are in their topic for 30 days. Their rows are only shown by `explain`, to those who ask later. */
const EVENT_DAYS = 60n;
/**
 * A year and a month, so that a week can be compared with that of the year before. Longer than any event is on its way, but for
 * redriven letters.
 */
const HISTORY_DAYS = 400n;

/** What is removed, by its age. */
export interface RetentionLimits {
  /** Events that were published before. */
  readonly eventsBefore: Instant;
  /** Answers and watermarks of the weeks before this Monday, and silences that ended before it. */
  readonly floor: Instant;
  /** Runs that ended before. */
  readonly runsBefore: Instant;
}

export interface LimitInputs {
  readonly now: Instant;
  /** `KPI_LOOKBACK_DAYS`: a sweep may need the episodes of silences that began since. */
  readonly lookbackDays: number;
  /** Where the earliest window of a held run begins: it may be approved. Null: no run is held. */
  readonly heldSince: Instant | null;
}

export function retentionLimits({ now, lookbackDays, heldSince }: LimitInputs): RetentionLimits {
  const historyBefore = now - HISTORY_DAYS * MICROS_PER_DAY;
  const floors = [
    historyBefore,
    now - BigInt(lookbackDays) * MICROS_PER_DAY,
    ...(heldSince === null ? [] : [heldSince]),
  ];
  return {
    eventsBefore: now - EVENT_DAYS * MICROS_PER_DAY,
    floor: startOfIsoWeek(floors.reduce((earliest, at) => (at < earliest ? at : earliest))),
    runsBefore: historyBefore,
  };
}
