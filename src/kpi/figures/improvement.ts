import type { Instant } from '../../activity/instant.ts';
import { improvementWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { clamp } from './clamp.ts';
import type { MetricsPolicy } from './policy.ts';
import { within } from './window.ts';

/** An ability by item response theory, on the scale of its model; `se` is its standard error, null where unknown. */
export interface Theta {
  readonly theta: number;
  readonly se: number | null;
}

/** The abilities of a learner in one of the {@link thetaWindows}. */
export interface WindowThetas {
  /** The newest row of `mirt_ability` that has a theta. */
  readonly newest: Theta | null;
  /** The rows of `student_topic_theta`, one per topic. */
  readonly topics: readonly Theta[];
}

export interface ImprovementInputs {
  readonly attempts: readonly Attempt[];
  /** Null with `METRICS_USE_IRT_THETA=false`: the figure then comes from answers only. */
  readonly thetas: { readonly recent: WindowThetas; readonly previous: WindowThetas } | null;
}

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
  { attempts, thetas }: ImprovementInputs,
  day: Instant,
  policy: Pick<MetricsPolicy, 'windowEdges'>,
): number | null {
  const windows = improvementWindows(day, policy);
  const recent = within(attempts, windows.recent).filter(({ correct }) => correct !== null);
  const previous = within(attempts, windows.previous).filter(({ correct }) => correct !== null);
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

function thetaGain(thetas: NonNullable<ImprovementInputs['thetas']>) {
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
export function shareCorrect(attempts: readonly Attempt[]): number {
  return attempts.filter(({ correct }) => correct === true).length / attempts.length;
}
