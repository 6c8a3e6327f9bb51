/**
 * The figures of a learner's weekly row as pure functions, one file a figure. A figure that cannot be computed is null;
 * doubles are never rounded. Where the profiles differ, the difference is a field here and nothing else.
 */
export type MetricsProfile =
  | 'standard'
  /** Reproduces the platform's previous job figure by figure, for teams that must move without a jump. */
  | 'legacy';

export interface MetricsPolicy {
  readonly profile: MetricsProfile;
  /**
   * The edges of W(d, n). `whole_days`: from 00:00:00.000000 of its first day through 23:59:59.999999 of its last.
   * `last_seconds`: from 23:59:59.000000 of its first day through 23:59:59.000000 of its last. S uses whole days always.
   */
  readonly windowEdges: 'whole_days' | 'last_seconds';
  /**
   * Which ability row P is read from. `newest_usable`: of the rows that are not after the as-of and have a finite mean
   * and a finite sd above 0 the newest, undated ones last. `newest`: of all rows the newest, undated ones first,
   * usable or not. A row is dated by its first of fitted_at, updated_at, created_at.
   */
  readonly abilityRow: 'newest_usable' | 'newest';
  /**
   * What S counts a learner's silence from. `last_seen`: the latest activity over all sources not after the as-of.
   * `newest_exam`: the newest exam of the window, so that without one there is no S.
   */
  readonly silentSince: 'last_seen' | 'newest_exam';
  /**
   * The date d that I_t, E_t, R_t and A_t of a week's row, and S of a row that the weekly job writes, are computed at.
   * `as_of_within_week`: the as-of's date, at most the week's Sunday. `sunday`: always the Sunday, be it yet to come.
   * S that `recompute` refreshes is at the as-of's date in both.
   */
  readonly weekDay: 'as_of_within_week' | 'sunday';
  /** An exam's answer of which it cannot be read whether it was correct; null: unknown, and left out where that matters. */
  readonly unknownCorrect: false | null;
  /** An exam's answer whose time cannot be read; null: unknown, and left out where that matters. */
  readonly unknownTimeMs: 0 | null;
  /** `count`: as many hints as were used, unknown where it is not said. `used_or_not`: 1 where any was, else 0. */
  readonly hints: 'count' | 'used_or_not';
  /** How long a session was dwelt in: the seconds of its answers, or never known. */
  readonly dwell: 'sum_of_answers' | 'unknown';
  /** Whether, with the growth model asked for, a P that is already stored is taken before anything else. */
  readonly storedProbability: 'first' | 'never';
  /**
   * P by a growth fit where no service predicts it. `line`: the probability that the learner's own line, the fit updated
   * by the learner's ability rows, is at or above the target. `newest_row`: the normal rule with sd at least 1e-6, and
   * no figure at all without a usable row.
   */
  readonly growthFit: 'line' | 'newest_row';
}

const POLICIES: Readonly<Record<MetricsProfile, MetricsPolicy>> = {
  standard: {
    profile: 'standard',
    windowEdges: 'whole_days',
    abilityRow: 'newest_usable',
    silentSince: 'last_seen',
    weekDay: 'as_of_within_week',
    unknownCorrect: null,
    unknownTimeMs: null,
    hints: 'count',
    dwell: 'sum_of_answers',
    storedProbability: 'never',
    growthFit: 'line',
  },
  legacy: {
    profile: 'legacy',
    windowEdges: 'last_seconds',
    abilityRow: 'newest',
    silentSince: 'newest_exam',
    weekDay: 'sunday',
    unknownCorrect: false,
    unknownTimeMs: 0,
    hints: 'used_or_not',
    dwell: 'unknown',
    storedProbability: 'first',
    growthFit: 'newest_row',
  },
};

export function metricsPolicy(profile: MetricsProfile): MetricsPolicy {
  return POLICIES[profile];
}
