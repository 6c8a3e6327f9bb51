import { type Instant, MICROS_PER_DAY } from '../../activity/instant.ts';
import type { Attempt } from './attempt.ts';
import { answerWindows, clamp, improvementWindows, rowsIn, type Window } from './figure.ts';
import type { MetricsPolicy } from './policy.ts';

/** An ability by item response theory, on the scale of its model; `se` is its standard error, null if unknown. */
export interface Theta {
  readonly theta: number;
  readonly se: number | null;
}

/** The abilities of a learner in one of the `thetaWindows`. */
export interface WindowThetas {
  /** The newest row of `mirt_ability` that has a theta. */
  readonly newest: Theta | null;
  /** The rows of `student_topic_theta`, one per topic. */
  readonly topics: readonly Theta[];
}

export interface Thetas {
  readonly recent: WindowThetas;
  readonly previous: WindowThetas;
}

type EdgePolicy = Pick<MetricsPolicy, 'windowEdges'>;

/**
 * I_t, the improvement at d, within [−1, 1]:
 * `clamp((p_recent − p_prev) · min(1, n/30) · (1 − min(0.5, 1.96·sqrt(p_recent(1−p_recent)/n))), −1, 1)`.
 *
 * Recent is W(d, 14), previous is W(d−14, 14). Only answers of known correctness count; p is the share of correct ones,
 * n the number of recent ones. Null if a window has none.
 *
 * With thetas, n of at least 5 and a theta in both windows (always whole days), the difference is that of the thetas, and
 * the last factor is `1 − min(0.5, 1.96·se_recent)`, or 1 if se is null. A window's theta is that of the newest
 * `mirt_ability` row, else the mean of its topics weighted by 1/se² (by 1 if se is null or not above 0).
 *
 * Unit: a share of answers, or the thetas' own. Source: the platform's weekly job; accuracy gained, damped by few answers
 * and by a wide 95 % confidence interval.
 */
export function improvement(
  attempts: readonly Attempt[],
  day: Instant,
  policy: EdgePolicy,
  thetas: Thetas | null = null,
): number | null {
  const windows = improvementWindows(day, policy);
  const recent = rowsIn(attempts, windows.recent).filter(({ correct }) => correct !== null);
  const previous = rowsIn(attempts, windows.previous).filter(({ correct }) => correct !== null);
  const n = recent.length;
  if (n === 0 || previous.length === 0) return null;
  const volume = Math.min(1, n / 30);
  if (thetas !== null && n >= 5) {
    const gained = thetaGain(thetas);
    if (gained !== null) return clamp(gained.gain * volume * certainty(gained.se), -1, 1);
  }
  const p = shareCorrect(recent);
  return clamp((p - shareCorrect(previous)) * volume * certainty(Math.sqrt((p * (1 - p)) / n)), -1, 1);
}

/** `1 − min(0.5, half the width of a 95 % confidence interval)`. */
function certainty(se: number | null): number {
  return se === null ? 1 : 1 - Math.min(0.5, 1.96 * se);
}

function thetaGain(thetas: Thetas) {
  const recent = thetaOf(thetas.recent);
  const previous = thetaOf(thetas.previous);
  if (recent === null || previous === null) return null;
  const gain = recent.theta - previous.theta;
  return Number.isFinite(gain) ? { gain, se: recent.se } : null;
}

function thetaOf({ newest, topics }: WindowThetas): Theta | null {
  if (newest !== null && Number.isFinite(newest.theta)) return { theta: newest.theta, se: known(newest.se) };
  const weighted = topics
    .filter(({ theta }) => Number.isFinite(theta))
    .map(({ theta, se }) => ({ theta, weight: se !== null && se > 0 ? 1 / (se * se) : 1 }));
  const weights = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const theta = weighted.reduce((sum, each) => sum + each.theta * each.weight, 0) / weights;
  return Number.isFinite(theta) ? { theta, se: 1 / Math.sqrt(weights) } : null;
}

function known(se: number | null): number | null {
  return se === null || Number.isNaN(se) ? null : se;
}

/** The share of correct ones among `attempts`, which must not be empty. */
function shareCorrect(attempts: readonly Attempt[]): number {
  return attempts.filter(({ correct }) => correct === true).length / attempts.length;
}

/**
 * E_t, the time efficiency at d: `clamp((median_prev − median_recent) / median_prev)`, within [0, 1].
 *
 * The medians are those of the times of correct answers, in milliseconds, if known: recent in W(d, 28), previous in
 * W(d−28, 28). The median of an even number is the mean of the middle two. Null if a window has none, or if the previous
 * median is not above 0. The figure is a share of the previous time: 0.25 is a quarter faster, 0 is as fast or slower.
 *
 * Source: the platform's weekly job; a median, because single answers are left open for hours.
 */
export function timeEfficiency(attempts: readonly Attempt[], day: Instant, policy: EdgePolicy): number | null {
  const windows = answerWindows(day, policy);
  const recent = medianTime(attempts, windows.recent);
  const previous = medianTime(attempts, windows.previous);
  if (recent === null || previous === null || previous <= 0) return null;
  return clamp((previous - recent) / previous);
}

function medianTime(attempts: readonly Attempt[], window: Window): number | null {
  const times = rowsIn(attempts, window)
    .flatMap(({ correct, timeMs }) => (correct === true && timeMs !== null ? [timeMs] : []))
    .sort((a, b) => a - b);
  const upper = times[times.length >> 1];
  const lower = times[(times.length - 1) >> 1];
  // Halved first: the sum cannot overflow.
  return lower === undefined || upper === undefined ? null : lower / 2 + upper / 2;
}

/**
 * R_t, the recovery at d: the share of correct answers, within [0, 1], among the answers of W(d, 28) to items that were
 * answered wrongly at least once in W(d−28, 28).
 *
 * An item is identified together with its topic; no topic counts as a topic of its own. All answers count; unknown
 * correctness counts as not correct. Null if no item was answered wrongly, or none of these was answered again.
 *
 * Source: the platform's weekly job.
 */
export function recovery(attempts: readonly Attempt[], day: Instant, policy: EdgePolicy): number | null {
  const windows = answerWindows(day, policy);
  const missed = new Set(
    rowsIn(attempts, windows.previous).flatMap((attempt) => (attempt.correct === false ? [keyOf(attempt)] : [])),
  );
  const retried = rowsIn(attempts, windows.recent).filter((attempt) => missed.has(keyOf(attempt)));
  return retried.length === 0 ? null : shareCorrect(retried);
}

function keyOf({ item, topic }: Attempt): string {
  return JSON.stringify([item, topic]);
}

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
  const recent = rowsIn(attempts, answerWindows(day, policy).recent);
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
  const times = [...new Set(attempts.map(({ at }) => at))].sort((a, b) => (a < b ? -1 : 1));
  const [first] = times;
  const last = times.at(-1);
  if (first === undefined || last === undefined || first === last) return UNKNOWN;
  const meanGapDays = Number(last - first) / Number(MICROS_PER_DAY) / (times.length - 1);
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
