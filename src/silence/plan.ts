import { dateOf, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';

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

/** Why a plan is invalid, as a message for the operator; undefined if it is valid. */
export function planMistake(plan: SweepPlan): string | undefined {
  const odd = plan.thresholds.find((days) => !Number.isInteger(days) || days < 1);
  if (odd !== undefined) return `a threshold must be a positive number of whole days, not ${odd}`;
  if (new Set(plan.thresholds).size < plan.thresholds.length) return 'a threshold is given twice';
  const highest = Math.max(...plan.thresholds);
  if (!Number.isInteger(plan.lookbackDays) || plan.lookbackDays <= highest) {
    return `the lookback (${plan.lookbackDays} days) must exceed every threshold (${highest} days)`;
  }
  return undefined;
}
