import { formatInstant } from '../activity/instant.ts';
import { perSource } from '../activity/source.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { trackedSources } from '../config/kafka-names.ts';
import { daysInactive, decidingSource } from '../events/inactivity-decision.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { printable } from '../runtime/printable.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { readSourceLearners } from '../source-activity/learners-store.ts';
import { type Census, type DueLearner, eachDue, takeCensus } from './episodes-store.ts';
import { decideFromSource } from './silence-at-source.ts';
import { countRows, silentFor } from './sweep-page.ts';

/** Prints one line per learner who would be flagged, with the reason, as rows arrive; then the counts. */
export async function printDue(
  context: CommandContext,
  database: Database,
  plan: SweepPlan,
  asJson: boolean,
): Promise<void> {
  const page = startPage(context, plan, asJson);
  await eachDue(database, plan, page.add);
  if (!asJson) page.end(await takeCensus(database, plan));
}

const FLUSHED_EVERY = 1_000;

/** The same by the source tables only. Lastseen's own tables may be missing. */
export async function printDueAtSource(
  context: CommandContext,
  source: Database,
  plan: SweepPlan,
  asJson: boolean,
): Promise<void> {
  const { settings, stopping, flushed } = context;
  const page = startPage(context, plan, asJson);
  const decisions = decideFromSource(plan);
  let printed = 0;
  await source.snapshot(async (tx) => {
    for await (const learner of readSourceLearners(
      tx,
      [...trackedSources(settings)],
      settings.ATTEMPT_SOURCE,
      plan.asOf,
    )) {
      if (stopping.aborted) throw new LastseenError('interrupted', 'stopped by a signal: the list is not complete');
      const due = decisions.decide(learner);
      if (due === undefined) continue;
      page.add(due);
      printed += 1;
      if (printed % FLUSHED_EVERY === 0) await flushed();
    }
  });
  if (!asJson) page.end(decisions.census());
}

function startPage({ print }: CommandContext, plan: SweepPlan, asJson: boolean) {
  let due = 0;
  return {
    add(row: DueLearner): void {
      const learner = describe(row, plan);
      if (due === 0 && !asJson) print(COLUMNS.map(({ name, width }) => name.padEnd(width)).join('  '));
      due += 1;
      print(asJson ? json(learner) : line(learner));
    },
    end(census: Census): void {
      const rows = [silentFor(plan), ...countRows(census, [['  an event would be emitted', due]])];
      print('');
      print(table(['as of', readableInstant(plan.asOf)], rows));
    },
  };
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
