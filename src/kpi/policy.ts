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
}

const POLICIES: Readonly<Record<MetricsProfile, MetricsPolicy>> = {
  standard: {
    profile: 'standard',
    windowEdges: 'whole_days',
    abilityRow: 'newest_usable',
    silentSince: 'last_seen',
  },
  legacy: {
    profile: 'legacy',
    windowEdges: 'last_seconds',
    abilityRow: 'newest',
    silentSince: 'newest_exam',
  },
};

export function metricsPolicy(profile: MetricsProfile): MetricsPolicy {
  return POLICIES[profile];
}
