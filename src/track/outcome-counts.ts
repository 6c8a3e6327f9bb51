import type { DeadLetterReason, Outcome, SkipReason } from '../activity/activity.ts';
import { perSource, SOURCES, type Source } from '../activity/source.ts';

/** Records per source and outcome: `applied`, `skipped: <reason>` or `dead letter: <reason>`. */
export type OutcomeCounts = Record<Source, Record<string, number>>;

export function emptyOutcomeCounts(): OutcomeCounts {
  return perSource(() => ({}));
}

/** Adds the counts of one flush to a total. */
export function addOutcomeCounts(total: OutcomeCounts, counts: OutcomeCounts): void {
  for (const source of SOURCES) {
    for (const [outcome, records] of Object.entries(counts[source])) {
      total[source][outcome] = (total[source][outcome] ?? 0) + records;
    }
  }
}

export function countOutcome(counts: OutcomeCounts, source: Source, outcome: Outcome): void {
  const name = describeOutcome(outcome);
  counts[source][name] = (counts[source][name] ?? 0) + 1;
}

export function describeOutcome(
  outcome: Outcome,
): 'applied' | `skipped: ${SkipReason}` | `dead letter: ${DeadLetterReason}` {
  switch (outcome.kind) {
    case 'applied':
      return 'applied';
    case 'skipped':
      return `skipped: ${outcome.reason}`;
    case 'deadLetter':
      return `dead letter: ${outcome.reason}`;
  }
}

/** The records of one flush, and how many of them were applied and skipped. */
export function sumOutcomes(counts: OutcomeCounts): { records: number; applied: number; skipped: number } {
  const sums = { records: 0, applied: 0, skipped: 0 };
  for (const [, outcome, records] of outcomeRows(counts)) {
    sums.records += records;
    if (outcome === 'applied') sums.applied += records;
    if (outcome.startsWith('skipped')) sums.skipped += records;
  }
  return sums;
}

/** Rows of a table for people: source, outcome, records. */
export function outcomeRows(counts: OutcomeCounts): (readonly [string, string, number])[] {
  return Object.entries(counts).flatMap(([source, outcomes]) =>
    Object.entries(outcomes).map(([outcome, records]) => [source, outcome, records] as const),
  );
}
