import { type Instant, MICROS_PER_DAY, startOfDay, startOfIsoWeek } from '../../activity/instant.ts';
import type { MetricsPolicy } from './policy.ts';

/**
 * The start of d, the date at which I_t, E_t, R_t and A_t of a weekly row are computed, and the S of a whole row (an S
 * that `recompute` refreshes in an existing row is at the as-of itself).
 *
 * d = min(the as-of's date, `weekStart` + 6); by the legacy policy always `weekStart` + 6. All UTC.
 */
export function weeklyDay(
  asOf: Instant,
  policy: Pick<MetricsPolicy, 'weekDay'>,
  weekStart: Instant = startOfIsoWeek(asOf),
): Instant {
  const sunday = startOfDay(weekStart) + 6n * MICROS_PER_DAY;
  switch (policy.weekDay) {
    case 'as_of_within_week': {
      const date = startOfDay(asOf);
      return date < sunday ? date : sunday;
    }
    case 'sunday':
      return sunday;
  }
}
