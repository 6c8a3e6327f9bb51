/** Every difference between the profiles is a field of {@link MetricsPolicy}. */
export type MetricsProfile =
  | 'standard'
  /** Reproduces the platform's previous job figure by figure, for teams that must migrate without a jump. */
  | 'legacy';

export interface MetricsPolicy {
  readonly profile: MetricsProfile;
  /**
   * The edges of W(d, n). `whole_days`: from 00:00:00.000000 of its first day through 23:59:59.999999 of its last.
   * `last_seconds`: from 23:59:59.000000 of its first day through 23:59:59.000000 of its last. The windows of exams for S
   * and of thetas begin with a whole day in both.
   */
  readonly windowEdges: 'whole_days' | 'last_seconds';
  /**
   * Which ability row P is read from. `newest_usable`: the newest row that is not after the as-of and has a finite mean
   * and a finite sd above 0; undated rows come last. `newest`: the newest of all rows, usable or not; undated rows come
   * first. The date of a row is the first of fitted_at, updated_at, created_at.
   */
  readonly abilityRow: 'newest_usable' | 'newest';
  /**
   * The start of the silence that S counts. `last_seen`: the latest activity over all sources not after the as-of.
   * `newest_exam`: the newest exam of the window; without one there is no S.
   */
  readonly silentSince: 'last_seen' | 'newest_exam';
  /**
   * The date d of I_t, E_t, R_t and A_t, and of S in a whole weekly row. `as_of`: the as-of's date. `sunday`: the Sunday
   * of the week, even in the future. An S that `recompute` refreshes in an existing row is at the as-of's date in both.
   */
  readonly weekDay: 'as_of' | 'sunday';
  /** Correctness of an exam's answer if it is unreadable; null: unknown. */
  readonly unknownCorrect: false | null;
  /** Time of an exam's answer if it is unreadable; null: unknown. */
  readonly unknownTimeMs: 0 | null;
  /** `count`: the number of used hints, which may be unknown. `used_or_not`: 1 if any was used, else 0. */
  readonly hints: 'count' | 'used_or_not';
  /** The dwell of a session: the seconds of its answers, or always unknown. */
  readonly dwell: 'sum_of_answers' | 'unknown';
  /** Whether a P that is already stored comes first, if the growth model is on. */
  readonly storedProbability: 'first' | 'never';
  /**
   * P from a growth fit if no service predicts it. `line`: the probability that the learner's own line, the fit updated
   * by the learner's ability rows, is at or above the target. `newest_row`: the normal rule for the newest row with a
   * mean, its sd at least 1e-6; null without such a row.
   */
  readonly growthFit: 'line' | 'newest_row';
}

const POLICIES: Readonly<Record<MetricsProfile, MetricsPolicy>> = {
  standard: {
    profile: 'standard',
    windowEdges: 'whole_days',
    abilityRow: 'newest_usable',
    silentSince: 'last_seen',
    weekDay: 'as_of',
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
