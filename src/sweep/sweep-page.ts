import { readableInstant, table } from '../cli/tables.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Census } from './census-store.ts';
import type { CompletedSweep, HeldSweep } from './pipeline.ts';

/** The result of a run as a table for people. */
export function completedPage(outcome: CompletedSweep, plan: SweepPlan): string {
  return table(
    ['as of', readableInstant(plan.asOf)],
    [
      silentFor(plan),
      ...countRows(outcome, emittedRows(outcome)),
      ['returned, found by this run', outcome.returned],
      published(outcome),
      ['run', outcome.runId],
    ],
  );
}

export function approvedPage(outcome: CompletedSweep): string {
  return table(['run', outcome.runId], [...countRows(outcome, emittedRows(outcome)), published(outcome)]);
}

export function heldPage(outcome: HeldSweep, plan: SweepPlan): string {
  const wouldCross: Row[] = [
    ['  would cross', outcome.crossing],
    ['  limit without approval', outcome.limit],
  ];
  return table(
    ['as of', readableInstant(plan.asOf)],
    [silentFor(plan), ...countRows(outcome, wouldCross), ['events published', 'none'], ['run, held', outcome.runId]],
  );
}

/** Makes the command exit with the code for a run that waits for approval. */
export function heldError({ runId, because }: HeldSweep): LastseenError {
  return new LastseenError(
    'held',
    `held, nothing was emitted: ${because}; \`lastseen sweep approve ${runId}\` emits the events, ` +
      `\`lastseen sweep discard ${runId}\` drops the run`,
  );
}

type Row = [name: string, value: string | number | bigint];

export const silentFor = (plan: SweepPlan): Row => [
  'silent for',
  `${plan.thresholds.join(', ')} to ${plan.lookbackDays} days`,
];

/** @param ofInactive what an event is or would be emitted for, among the inactive learners. */
export function countRows(census: Census, ofInactive: readonly Row[]): Row[] {
  return [
    ['active in the lookback', census.active],
    ['inactive', census.inactive],
    ...ofInactive,
    ['  unresolved (no user_id yet)', census.unresolved],
    ['  doubtful (a dead letter may be a return)', census.doubtful],
    ['undecidable (seen after the as-of)', census.undecidable],
  ];
}

const emittedRows = ({ crossed, ongoing, verified, returnedCandidates }: CompletedSweep): Row[] => [
  ['  crossed', crossed],
  ...(verified === null || returnedCandidates === null
    ? []
    : [
        ['    looked up in the source tables', verified] satisfies Row,
        ['    seen again meanwhile: not crossed', returnedCandidates] satisfies Row,
      ]),
  ['  ongoing', ongoing],
];

const published = (outcome: CompletedSweep): Row => ['events published', outcome.published ?? 'by another process'];
