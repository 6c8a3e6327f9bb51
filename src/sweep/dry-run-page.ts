import { formatInstant } from '../activity/instant.ts';
import { forPeople } from '../cli/dates.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { daysInactive, decidingSource } from '../events/inactivity-decision.ts';
import type { Database } from '../postgres/database.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { type DueLearner, eachDue, takeCensus } from './episodes-store.ts';

/** Prints who would be flagged and why, a line each as it comes, and the counts. */
export async function printDue(
  { print }: CommandContext,
  database: Database,
  plan: SweepPlan,
  asJson: boolean,
): Promise<void> {
  let found = 0;
  await eachDue(database, plan, (learner) => {
    if (found === 0 && !asJson) print(COLUMNS.map(([name, width]) => name.padEnd(width)).join('  '));
    found += 1;
    print(asJson ? json(describe(learner, plan)) : line(learner, plan));
  });
  if (asJson) return;
  const census = await takeCensus(database, plan);
  print('');
  print(
    table(
      ['as of', forPeople(plan.asOf)],
      [
        ['silent for', `${plan.thresholds.join(', ')} to ${plan.lookbackDays} days`],
        ['active in the lookback', census.active],
        ['inactive', census.inactive],
        ['  an event would be emitted', found],
        ['  unresolved (no user_id yet)', census.unresolved],
        ['undecidable (seen after the as-of)', census.undecidable],
      ],
    ),
  );
}

const COLUMNS = [
  ['user_id', 36],
  ['phase', 7],
  ['last seen', 27],
  ['days', 4],
  ['deciding source', 20],
] as const;

function describe(learner: DueLearner, plan: SweepPlan) {
  const bySource = {
    exam_results: learner.exam_results_at,
    features_topic_daily: learner.features_topic_daily_at,
    attempt: learner.attempt_at,
    session: learner.session_at,
  };
  return {
    userId: learner.user_id,
    studentId: learner.student_id,
    phase: learner.phase,
    thresholdDays: learner.threshold_days,
    lastSeenAt: formatInstant(learner.last_seen_at),
    daysInactive: daysInactive(learner.last_seen_at, plan.asOf),
    decidingSource: decidingSource(bySource),
    lastSeenBySource: Object.fromEntries(
      Object.entries(bySource).map(([source, at]) => [source, at === null ? null : formatInstant(at)]),
    ),
  };
}

function line(learner: DueLearner, plan: SweepPlan): string {
  const said = describe(learner, plan);
  const cells = [said.userId, said.phase, said.lastSeenAt, String(said.daysInactive), said.decidingSource];
  return cells
    .map((cell, at) => cell.padEnd(COLUMNS[at]?.[1] ?? 0))
    .join('  ')
    .trimEnd();
}
