import { formatInstant } from '../activity/instant.ts';
import type { SilenceWindow } from './plan.ts';

/**
 * The one condition of being inactive, on a row `seen` of the table of last seen; the values are those of
 * {@link silenceValues}, as $1 to $4. The date is asked for too, since it is what the index knows.
 */
export const SILENT = `seen.last_active_on BETWEEN $3::date AND $4::date
  AND seen.last_seen_at > $1::timestamptz AND seen.last_seen_at <= $2::timestamptz`;

export function silenceValues({ after, until, firstDate, lastDate }: SilenceWindow): [string, string, string, string] {
  return [formatInstant(after), formatInstant(until), firstDate, lastDate];
}
