import type { Instant } from '../activity/instant.ts';
import type { Settings } from '../config/settings.ts';
import { LastseenError } from '../runtime/errors.ts';
import { planMistake, type SweepPlan } from './plan.ts';

/** The plan from the settings. Throws `usage` if thresholds and lookback contradict each other. */
export function detectionPlan(settings: Settings, asOf: Instant, limit?: number): SweepPlan {
  const plan: SweepPlan = {
    asOf,
    thresholds: settings.INACTIVITY_THRESHOLD_DAYS,
    lookbackDays: settings.KPI_LOOKBACK_DAYS,
    refresh: settings.INACTIVITY_REFRESH,
    limit,
  };
  const mistake = planMistake(plan);
  if (mistake !== undefined) throw new LastseenError('usage', mistake);
  return plan;
}
