import { type Instant, MICROS_PER_DAY } from '../../activity/instant.ts';
import { answerWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { clamp } from './clamp.ts';
import type { MetricsPolicy } from './policy.ts';
import { within } from './window.ts';

/**
 * A_t, the engagement at d: `clamp(0.35·s + 0.25·g + 0.2·h + 0.2·w)`, within [0, 1], from the answers of W(d, 28).
 *
 * - s = clamp(distinct sessions / 28); answers without a session are not counted
 * - g = clamp(1 / mean gap in days between the distinct times); 0.5 with fewer than two times
 * - h = clamp(1 − mean hints per answer / 3), over the answers whose hints are known; 0.5 without any
 * - w = clamp(mean dwell seconds per session / 900), over the sessions whose dwell is known; 0.5 without any. The dwell
 *   of a session is the sum of the known seconds of its answers.
 *
 * Null without an answer. Source: the platform's weekly job (four measures of regular, unaided, unhurried work).
 */
export function engagement(
  attempts: readonly Attempt[],
  day: Instant,
  policy: Pick<MetricsPolicy, 'windowEdges' | 'dwell'>,
): number | null {
  const recent = within(attempts, answerWindows(day, policy).recent);
  if (recent.length === 0) return null;
  return clamp(
    0.35 * sessionShare(recent) +
      0.25 * regularity(recent) +
      0.2 * independence(recent) +
      0.2 * dwelling(recent, policy),
  );
}

const UNKNOWN = 0.5;

function sessionShare(attempts: readonly Attempt[]): number {
  const sessions = new Set(attempts.flatMap(({ session }) => (session === null ? [] : [session])));
  return clamp(sessions.size / 28);
}

/** The gaps between consecutive distinct times add up to the span from the first to the last. */
function regularity(attempts: readonly Attempt[]): number {
  const times = new Set(attempts.map(({ at }) => at));
  if (times.size < 2) return UNKNOWN;
  const sorted = [...times].sort((a, b) => (a < b ? -1 : 1));
  const span = (sorted.at(-1) ?? 0n) - (sorted[0] ?? 0n);
  const meanGapDays = Number(span) / Number(MICROS_PER_DAY) / (times.size - 1);
  return clamp(1 / meanGapDays);
}

function independence(attempts: readonly Attempt[]): number {
  const hints = mean(attempts.flatMap(({ hints }) => (hints === null ? [] : [hints])));
  return hints === null ? UNKNOWN : clamp(1 - hints / 3);
}

function dwelling(attempts: readonly Attempt[], policy: Pick<MetricsPolicy, 'dwell'>): number {
  switch (policy.dwell) {
    case 'unknown':
      return UNKNOWN;
    case 'sum_of_answers':
      break;
  }
  const secondsOf = new Map<string, number>();
  for (const { session, dwellSeconds } of attempts) {
    if (session === null || dwellSeconds === null) continue;
    secondsOf.set(session, (secondsOf.get(session) ?? 0) + dwellSeconds);
  }
  const seconds = mean([...secondsOf.values()]);
  return seconds === null ? UNKNOWN : clamp(seconds / 900);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
