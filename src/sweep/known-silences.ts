import { formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { usageError } from '../runtime/errors.ts';
import { type SweepPlan, silenceWindow } from '../silence/plan.ts';

/**
 * Refuses a plan whose window reaches below the floor of `lastseen prune`. A learner that a repair set back to a silence from
 * there would be flagged for it a second time: the episode that shows the first time may be removed.
 *
 * @throws LastseenError `usage`.
 */
export function requireKnownSilences(plan: SweepPlan, floor: Instant | null): void {
  const { after } = silenceWindow(plan);
  if (floor === null || after >= floor) return;
  const mostDays = (plan.asOf - floor) / MICROS_PER_DAY;
  throw usageError(
    `silences that ended before ${formatInstant(floor)} are pruned, and a lookback of ${plan.lookbackDays} days reaches back to ` +
      `${formatInstant(after)}: ` +
      (mostDays > BigInt(Math.max(...plan.thresholds))
        ? `use at most ${mostDays} days (--lookback, KPI_LOOKBACK_DAYS)`
        : 'use a later --as-of; --dry-run still shows this one'),
  );
}
