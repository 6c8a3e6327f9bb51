import type { Instant } from '../../activity/instant.ts';
import { answerWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { clamp } from './clamp.ts';
import type { MetricsPolicy } from './policy.ts';
import { type Window, within } from './window.ts';

/**
 * E_t, the time efficiency at d: `clamp((median_prev − median_recent) / median_prev)`, within [0, 1].
 *
 * The medians are those of the times of correct answers, in milliseconds, if known: recent in W(d, 28), previous in
 * W(d−28, 28). The median of an even number is the mean of the middle two. Null if a window has none, or if the previous
 * median is not above 0. The figure is a share of the previous time: 0.25 is a quarter faster, 0 is as fast or slower.
 *
 * Source: the platform's weekly job; a median, because single answers are left open for hours.
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
  // Halved first: the sum cannot overflow.
  return lower === undefined || upper === undefined ? null : lower / 2 + upper / 2;
}
