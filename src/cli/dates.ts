import { DateTime } from 'luxon';
import type { Instant } from '../activity/instant.ts';

/** An instant for people, to the second: `Mon 16 Mar 2026, 05:00:00 UTC`. */
export function forPeople(instant: Instant): string {
  return DateTime.fromMillis(Number(instant / 1000n), { zone: 'utc', locale: 'en' }).toFormat(
    "ccc d LLL yyyy, HH:mm:ss 'UTC'",
  );
}
