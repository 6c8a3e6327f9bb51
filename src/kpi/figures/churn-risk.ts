import { dayNumber, type Instant, MICROS_PER_DAY } from '../../activity/instant.ts';
import { clamp } from './figure.ts';
import type { MetricsPolicy } from './policy.ts';

/** The exams of a learner in the `examWindow`; an exam's instant is its `coalesce(updated_at, created_at)`. */
export interface Exams {
  readonly count: number;
  /** The earliest and the latest; null without exams. */
  readonly first: Instant | null;
  readonly newest: Instant | null;
  /** Distinct session ids. */
  readonly sessions: number;
}

export const NO_EXAMS: Exams = { count: 0, first: null, newest: null, sessions: 0 };

export interface ChurnInputs {
  readonly asOf: Instant;
  readonly exams: Exams;
  /** The latest activity over all sources not after the as-of; null for a learner never seen until then. */
  readonly lastSeenAt: Instant | null;
}

/**
 * S, the churn risk at the as-of: `clamp(0.6·clamp(k/H) + 0.25·clamp(m/7) + 0.15·clamp(1 − n/10))`, within [0, 1].
 *
 * - k: whole UTC days from the date the learner was last seen (legacy: of the newest exam) to that of the as-of, at least 0
 * - m: mean gap in days between consecutive exams of the window; 0 for one exam, 7 for none
 * - n: distinct sessions of these exams
 * - H: `horizonDays`, at least 1
 *
 * So the risk is highest for the longest silence. Null if the learner was never seen (legacy: has no exam in the window).
 *
 * Source: recency, frequency and volume weighted as the platform's weekly job does.
 */
export function churnRisk(
  inputs: ChurnInputs,
  horizonDays: number,
  policy: Pick<MetricsPolicy, 'silentSince'>,
): number | null {
  const terms = churnTerms(inputs, horizonDays, policy);
  return terms && clamp(terms.silence + terms.gaps + terms.sessions);
}

/** The summands of {@link churnRisk}: k, m and n, and what each contributes to S. */
interface ChurnTerms {
  readonly silentDays: number;
  readonly meanGapDays: number;
  readonly silence: number;
  readonly gaps: number;
  readonly sessions: number;
}

export function churnTerms(
  inputs: ChurnInputs,
  horizonDays: number,
  policy: Pick<MetricsPolicy, 'silentSince'>,
): ChurnTerms | null {
  const since = silentSince(inputs, policy);
  if (since === null) return null;
  const silentDays = Math.max(0, dayNumber(inputs.asOf) - dayNumber(since));
  const gapDays = meanGapDays(inputs.exams);
  return {
    silentDays,
    meanGapDays: gapDays,
    silence: 0.6 * clamp(silentDays / Math.max(1, horizonDays)),
    gaps: 0.25 * clamp(gapDays / 7),
    sessions: 0.15 * clamp(1 - inputs.exams.sessions / 10),
  };
}

function silentSince(inputs: ChurnInputs, policy: Pick<MetricsPolicy, 'silentSince'>): Instant | null {
  switch (policy.silentSince) {
    case 'last_seen':
      return inputs.lastSeenAt;
    case 'newest_exam':
      return inputs.exams.newest;
  }
}

/** The gaps between consecutive exams, those of equal instants included, add up to the span from first to newest. */
function meanGapDays(exams: Exams): number {
  if (exams.first === null || exams.newest === null) return 7;
  if (exams.count < 2) return 0;
  return Number(exams.newest - exams.first) / Number(MICROS_PER_DAY) / (exams.count - 1);
}
