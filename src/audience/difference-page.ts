import { readableInstant, table } from '../cli/tables.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { describeLearner, LAST_SEEN_COLUMNS, type Layout, USER_COLUMN } from './audience-page.ts';
import { becauseOf } from './difference.ts';
import type { ChangedLearner, Comparison, DifferenceCounts } from './difference-store.ts';

/** Who is in one of two audiences only, and why. */
export function differenceLayout({ old, current }: Comparison): Layout<ChangedLearner> {
  const because = (learner: ChangedLearner) => becauseOf(learner, old, current);
  return {
    keys: ['change', 'because', 'userId', 'studentId', 'lastSeenAt', 'daysInactive', 'decidingSource'],
    describe: (learner, plan) => ({
      change: learner.change,
      because: because(learner),
      ...describeLearner(learner, plan),
    }),
    columns: [
      { name: 'change', width: 6, cell: ({ change }) => change },
      { name: 'because', width: 10, cell: because },
      USER_COLUMN,
      ...LAST_SEEN_COLUMNS,
    ],
  };
}

/** The counts below the list, for people. */
export function differenceTable(
  { old, current }: Comparison,
  { asOf }: SweepPlan,
  { entered, left, unchanged }: DifferenceCounts,
): string {
  const silentFor = ({ thresholds, lookbackDays }: Comparison['old']) =>
    `${thresholds.join(', ')} to ${lookbackDays} days`;
  const before = old.asOf === asOf ? '' : `, as of ${readableInstant(old.asOf)}`;
  return table(
    ['as of', readableInstant(asOf)],
    [
      ['inactive for', silentFor(current)],
      ['compared with', `${silentFor(old)}${before}`],
      ['  in', entered],
      ['  out', left],
      ['  unchanged', unchanged],
    ],
  );
}
