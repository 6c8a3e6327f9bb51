import { dateOf, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';

/** What one sweep is to decide. */
export interface SweepPlan {
  readonly asOf: Instant;
  /** Whole days without activity after which a learner is inactive, ascending; several make a ladder. */
  readonly thresholds: readonly number[];
  /** Whole days after which silence is no longer interesting; above every threshold. */
  readonly lookbackDays: number;
  /** Whether a learner still silent on a later UTC day gets `ONGOING`. */
  readonly refresh: 'daily' | 'off';
  /** The most events to record, by student id; undefined: all. */
  readonly limit?: number | undefined;
}

/** Inactive iff `after < last_seen_at <= until`: half-open, so that neighbouring windows never share a learner. */
export interface SilenceWindow {
  readonly after: Instant;
  readonly until: Instant;
  /** The UTC dates the two instants lie on: what the index on `last_active_on` is asked for. */
  readonly firstDate: string;
  readonly lastDate: string;
}

/** A day is 24 hours, not a calendar day. */
export function silenceWindow(plan: Pick<SweepPlan, 'asOf' | 'thresholds' | 'lookbackDays'>): SilenceWindow {
  const after = plan.asOf - BigInt(plan.lookbackDays) * MICROS_PER_DAY;
  const until = plan.asOf - BigInt(Math.min(...plan.thresholds)) * MICROS_PER_DAY;
  return { after, until, firstDate: dateOf(after), lastDate: dateOf(until) };
}

/** Why a plan cannot be carried out, in words for the person who asked; undefined where it can. */
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
