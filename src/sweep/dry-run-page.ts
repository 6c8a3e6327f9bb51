import { formatInstant } from '../activity/instant.ts';
import { perSource } from '../activity/source.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { daysInactive, decidingSource } from '../events/inactivity-decision.ts';
import type { Database } from '../postgres/database.ts';
import { printable } from '../runtime/printable.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { type DueLearner, eachDue, takeCensus } from './episodes-store.ts';
import { countRows, silentFor } from './sweep-page.ts';

/** Prints one line per learner who would be flagged, with the reason, as rows arrive; then the counts. */
export async function printDue(
  { print }: CommandContext,
  database: Database,
  plan: SweepPlan,
  asJson: boolean,
): Promise<void> {
  let due = 0;
  await eachDue(database, plan, (row) => {
    const learner = describe(row, plan);
    if (due === 0 && !asJson) print(COLUMNS.map(({ name, width }) => name.padEnd(width)).join('  '));
    due += 1;
    print(asJson ? json(learner) : line(learner));
  });
  if (asJson) return;
  const census = await takeCensus(database, plan);
  const rows = [silentFor(plan), ...countRows(census, [['  an event would be emitted', due]])];
  print('');
  print(table(['as of', readableInstant(plan.asOf)], rows));
}

function describe(learner: DueLearner, plan: SweepPlan) {
  return {
    userId: learner.user_id,
    studentId: learner.student_id,
    phase: learner.phase,
    thresholdDays: learner.threshold_days,
    lastSeenAt: formatInstant(learner.last_seen_at),
    daysInactive: daysInactive(learner.last_seen_at, plan.asOf),
    decidingSource: decidingSource(learner),
    lastSeenBySource: perSource((source) => {
      const at = learner[source];
      return at === null ? null : formatInstant(at);
    }),
  };
}

type Described = ReturnType<typeof describe>;

const COLUMNS: readonly { name: string; width: number; cell: (learner: Described) => string }[] = [
  { name: 'user_id', width: 36, cell: (learner) => printable(learner.userId) },
  { name: 'phase', width: 7, cell: (learner) => learner.phase },
  { name: 'last seen', width: 27, cell: (learner) => learner.lastSeenAt },
  { name: 'days', width: 4, cell: (learner) => String(learner.daysInactive) },
  { name: 'deciding source', width: 20, cell: (learner) => learner.decidingSource },
];

function line(learner: Described): string {
  return COLUMNS.map(({ width, cell }) => cell(learner).padEnd(width))
    .join('  ')
    .trimEnd();
}
