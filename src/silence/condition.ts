import { formatInstant } from '../activity/instant.ts';
import type { SilenceWindow } from './plan.ts';

/**
 * Whether a learner is inactive: a condition on a row `seen` of the last-seen table, with {@link silenceValues} as $1 to
 * $4. It includes the date, because the index is on the date. A name with trailing blanks is of a release before 0.3.0,
 * which took the padding of `char(n)` for a part of it: the learner's activity is in the row without them.
 */
export const SILENT = `seen.last_active_on BETWEEN $3::date AND $4::date
  AND seen.last_seen_at > $1::timestamptz AND seen.last_seen_at <= $2::timestamptz
  AND (seen.user_id LIKE '% ') IS NOT TRUE`;

export function silenceValues({ after, until, firstDate, lastDate }: SilenceWindow): [string, string, string, string] {
  return [formatInstant(after), formatInstant(until), firstDate, lastDate];
}
