import type { OutcomeCounts } from './outcome-counts.ts';

/** What became of records, by source and outcome. */
export function outcomeRows(counts: OutcomeCounts): (readonly [string, string, number])[] {
  return Object.entries(counts).flatMap(([source, outcomes]) =>
    Object.entries(outcomes).map(([outcome, records]) => [source, outcome, records] as const),
  );
}
