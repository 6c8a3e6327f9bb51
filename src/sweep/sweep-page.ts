import { forPeople } from '../cli/dates.ts';
import { table } from '../cli/tables.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { CompletedSweep, HeldSweep } from './pipeline.ts';

/** What a run found, for people. */
export function completedPage(outcome: CompletedSweep, plan: SweepPlan): string {
  return table(
    ['as of', forPeople(plan.asOf)],
    [
      ['silent for', `${plan.thresholds.join(', ')} to ${plan.lookbackDays} days`],
      ...countRows(outcome),
      ['returned, found by this run', outcome.returned],
      ['events published', outcome.published ?? 'another relay is at work'],
      ['run', outcome.runId],
    ],
  );
}

export function countRows(outcome: CompletedSweep): [string, bigint][] {
  return [
    ['active in the lookback', outcome.active],
    ['inactive', outcome.inactive],
    ['  crossed', outcome.crossed],
    ['  ongoing', outcome.ongoing],
    ['  unresolved (no user_id yet)', outcome.unresolved],
    ['undecidable (seen after the as-of)', outcome.undecidable],
  ];
}

export function heldPage(outcome: HeldSweep, plan: SweepPlan): string {
  return table(
    ['as of', forPeople(plan.asOf)],
    [
      ['silent for', `${plan.thresholds.join(', ')} to ${plan.lookbackDays} days`],
      ['active in the lookback', outcome.active],
      ['inactive', outcome.inactive],
      ['  would cross', outcome.crossing],
      ['  the most without asking', outcome.limit],
      ['  unresolved (no user_id yet)', outcome.unresolved],
      ['undecidable (seen after the as-of)', outcome.undecidable],
      ['events published', 'none'],
      ['run, held', outcome.runId],
    ],
  );
}

/** Ends the command with the exit code for what waits for a person. */
export function heldError({ runId, because }: HeldSweep): LastseenError {
  return new LastseenError(
    'held',
    `held, nothing was emitted: ${because}; \`lastseen sweep approve ${runId}\` emits, ` +
      `\`lastseen sweep discard ${runId}\` lets it be`,
  );
}
