import { perSource, type Source } from '../activity/source.ts';
import { addOutcomeCounts, emptyOutcomeCounts, type OutcomeCounts } from '../track/outcome-counts.ts';

/** What a replay has done since its start, over all interruptions. Stored as JSON: older releases wrote the same keys. */
export interface ReplayTotals {
  readonly counts: OutcomeCounts;
  /** Rows of last seen inserted or raised. */
  readonly rowsChanged: number;
  /** Instants raised in these rows. */
  readonly raised: Record<Source, number>;
  /** Learners whose return was emitted; 0 without `--emit`. */
  readonly returned: number;
}

export type WriteTotals = Omit<ReplayTotals, 'counts'>;

export function noWrites(): WriteTotals {
  return { rowsChanged: 0, raised: perSource(() => 0), returned: 0 };
}

export function zeroTotals(): ReplayTotals {
  return { counts: emptyOutcomeCounts(), ...noWrites() };
}

export function addTotals(before: ReplayTotals, more: ReplayTotals): ReplayTotals {
  const counts = emptyOutcomeCounts();
  addOutcomeCounts(counts, before.counts);
  addOutcomeCounts(counts, more.counts);
  return {
    counts,
    rowsChanged: before.rowsChanged + more.rowsChanged,
    raised: perSource((source) => before.raised[source] + more.raised[source]),
    returned: before.returned + more.returned,
  };
}
