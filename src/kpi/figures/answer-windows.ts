import { type Instant, MICROS_PER_DAY } from '../../activity/instant.ts';
import type { MetricsPolicy } from './policy.ts';
import { type Window, windowOf } from './window.ts';

/** A window and the one of the same length that a figure compares it with. */
interface WindowPair {
  readonly recent: Window;
  readonly previous: Window;
}

/** The answers I_t compares: W(d, 14) with W(d−14, 14). */
export function improvementWindows(day: Instant, policy: Pick<MetricsPolicy, 'windowEdges'>): WindowPair {
  return windowPair(day, 14, policy.windowEdges);
}

/** The abilities I_t compares: [d−13 00:00, d end] with [d−27 00:00, d−14 end], whole days in both profiles. */
export function thetaWindows(day: Instant): WindowPair {
  return windowPair(day, 14, 'whole_days');
}

/** The answers E_t and R_t compare: W(d, 28) with W(d−28, 28). A_t reads the recent ones. */
export function answerWindows(day: Instant, policy: Pick<MetricsPolicy, 'windowEdges'>): WindowPair {
  return windowPair(day, 28, policy.windowEdges);
}

/** From the earliest through the latest answer that I_t, E_t, R_t or A_t at `day` may need: what is to be loaded. */
export function neededAnswers(day: Instant, policy: Pick<MetricsPolicy, 'windowEdges'>): Window {
  const { recent, previous } = answerWindows(day, policy);
  return { from: previous.from, through: recent.through };
}

/** W(d, n) and W(d−n, n). */
function windowPair(day: Instant, days: number, edges: MetricsPolicy['windowEdges']): WindowPair {
  return {
    recent: windowOf(day, days, edges),
    previous: windowOf(day - BigInt(days) * MICROS_PER_DAY, days, edges),
  };
}
