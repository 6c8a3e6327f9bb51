import { dateOf, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { Settings } from '../config/settings.ts';
import { usageError } from '../runtime/errors.ts';

/** What one sweep decides, and as of when. */
export interface SweepPlan {
  readonly asOf: Instant;
  /** Whole days without activity after which a learner is inactive, ascending. Several thresholds form a ladder. */
  readonly thresholds: readonly number[];
  /** Learners silent for this many whole days or more are ignored. Above every threshold. */
  readonly lookbackDays: number;
  /** Whether a learner who is still silent on a later UTC date gets `ONGOING`. */
  readonly refresh: 'daily' | 'off';
  /** The largest number of events to record, in the order of student ids; undefined for all. */
  readonly limit?: number | undefined;
}

/** Inactive iff `after < last_seen_at <= until`: half-open, so that adjacent windows never share a learner. */
export interface SilenceWindow {
  readonly after: Instant;
  readonly until: Instant;
  /** The UTC dates of the two instants, for the index on `last_active_on`. */
  readonly firstDate: string;
  readonly lastDate: string;
}

/** A day is 24 hours, not a calendar day. */
export function silenceWindow(plan: Pick<SweepPlan, 'asOf' | 'thresholds' | 'lookbackDays'>): SilenceWindow {
  const after = plan.asOf - BigInt(plan.lookbackDays) * MICROS_PER_DAY;
  const until = plan.asOf - BigInt(Math.min(...plan.thresholds)) * MICROS_PER_DAY;
  return { after, until, firstDate: dateOf(after), lastDate: dateOf(until) };
}

type PlanSettings = Pick<Settings, 'INACTIVITY_THRESHOLD_DAYS' | 'KPI_LOOKBACK_DAYS' | 'INACTIVITY_REFRESH'>;

/** The plan from the settings. Throws `usage` if thresholds and lookback contradict each other. */
export function configuredPlan(settings: PlanSettings, asOf: Instant, limit?: number): SweepPlan {
  const { INACTIVITY_THRESHOLD_DAYS: thresholds, KPI_LOOKBACK_DAYS: lookbackDays } = settings;
  const error = planError(thresholds, lookbackDays);
  if (error !== undefined) throw usageError(error);
  return { asOf, thresholds, lookbackDays, refresh: settings.INACTIVITY_REFRESH, limit };
}

/** Why thresholds and lookback contradict each other; undefined if they do not. */
export function planError(thresholds: readonly number[], lookbackDays: number): string | undefined {
  const invalid = thresholds.find((days) => !Number.isInteger(days) || days < 1);
  if (invalid !== undefined) return `a threshold must be a positive number of whole days, not ${invalid}`;
  if (new Set(thresholds).size < thresholds.length) return 'a threshold is given twice';
  const highest = Math.max(...thresholds);
  if (!Number.isInteger(lookbackDays) || lookbackDays <= highest) {
    return `the lookback (${lookbackDays} days) must exceed every threshold (${highest} days)`;
  }
  return undefined;
}
