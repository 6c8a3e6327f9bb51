import type { Instant } from '../../activity/instant.ts';
import { answerWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { clamp } from './clamp.ts';
import type { MetricsPolicy } from './policy.ts';
import { type Window, within } from './window.ts';

/**
 * E_t, the time efficiency at d: `clamp((median_prev − median_recent) / median_prev)`, within [0, 1].
 *
 * The medians are of the times of correct answers of known time, in milliseconds: recent in W(d, 28), previous in
 * W(d−28, 28); of an even number the mean of the middle two. Null where either has none or the previous median is not
 * above 0. The figure is a share of the previous time: 0.25 is a quarter faster, and 0 as fast or slower.
 *
 * Source: the platform's weekly job; a median, since single answers are left open for hours.
 */
export function timeEfficiency(
  attempts: readonly Attempt[],
  day: Instant,
  policy: Pick<MetricsPolicy, 'windowEdges'>,
): number | null {
  const windows = answerWindows(day, policy);
  const recent = medianTime(attempts, windows.recent);
  const previous = medianTime(attempts, windows.previous);
  if (recent === null || previous === null || previous <= 0) return null;
  return clamp((previous - recent) / previous);
}

function medianTime(attempts: readonly Attempt[], window: Window): number | null {
  const times = within(attempts, window)
    .flatMap(({ correct, timeMs }) => (correct === true && timeMs !== null ? [timeMs] : []))
    .sort((a, b) => a - b);
  const upper = times[times.length >> 1];
  const lower = times[(times.length - 1) >> 1];
  // Halved before they are added, which changes no figure and cannot overflow.
  return lower === undefined || upper === undefined ? null : lower / 2 + upper / 2;
}
