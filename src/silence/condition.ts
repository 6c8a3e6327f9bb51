import { formatInstant } from '../activity/instant.ts';
import type { SilenceWindow } from './plan.ts';

/**
 * Whether a learner is inactive: a condition on a row `seen` of the last-seen table, with {@link silenceValues} as $1 to
 * $4. It includes the date, because the index is on the date.
 */
export const SILENT = `seen.last_active_on BETWEEN $3::date AND $4::date
  AND seen.last_seen_at > $1::timestamptz AND seen.last_seen_at <= $2::timestamptz`;

export function silenceValues({ after, until, firstDate, lastDate }: SilenceWindow): [string, string, string, string] {
  return [formatInstant(after), formatInstant(until), firstDate, lastDate];
}
