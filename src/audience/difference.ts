import type { Instant } from '../activity/instant.ts';
import { type SweepPlan, silenceWindow } from '../silence/plan.ts';

/** Names the newest completed run. */
export const LAST_RUN = 'last';

/** An audience: the inactive learners as of an instant, by a plan or as a run left them. */
export type Side = Pick<SweepPlan, 'asOf' | 'thresholds' | 'lookbackDays'>;

/** Who is in the new audience and not in the old one (`in`), or in the old one only (`out`). */
type Change = 'in' | 'out';

export type Because =
  /** The silence reached the threshold between the two instants. */
  | 'crossed'
  /** The learner was seen since the run. */
  | 'seen_again'
  /** The thresholds differ. */
  | 'threshold'
  /** The silence is longer than a lookback. */
  | 'lookback'
  /** An open dead letter may contain a later activity. */
  | 'doubtful'
  /** The run flagged others only: it had a limit, a doubt about the learner, or not yet this last seen. */
  | 'left_out';

export interface Changed {
  readonly change: Change;
  readonly last_seen_at: Instant;
  /** As the old audience knew it; null if the learner is not in it. */
  readonly old_last_seen_at: Instant | null;
}

/** Why a learner is in one audience only. */
export function becauseOf(learner: Changed, old: Side, current: Side): Because {
  const { change, last_seen_at: at, old_last_seen_at: before } = learner;
  if (change === 'out') {
    if (before !== null && at > before) return 'seen_again';
    return placeIn(current, at) ?? 'doubtful';
  }
  const place = placeIn(old, at);
  if (place === 'threshold') return isSilentAt(old.asOf, current, at) ? 'threshold' : 'crossed';
  return place ?? (old.asOf === current.asOf ? 'doubtful' : 'left_out');
}

/** Why the last seen is outside of an audience's window; undefined if it is inside. */
function placeIn(side: Side, at: Instant): 'threshold' | 'lookback' | undefined {
  const { after, until } = silenceWindow(side);
  if (at > until) return 'threshold';
  return at <= after ? 'lookback' : undefined;
}

/** Whether the thresholds of a side would have been reached at an instant. */
function isSilentAt(asOf: Instant, side: Side, at: Instant): boolean {
  return at <= silenceWindow({ ...side, asOf }).until;
}
