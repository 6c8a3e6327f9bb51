import { withDatabase, withSourceDatabase } from '../cli/connections.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT } from '../cli/run-command.ts';
import { figureDeps } from '../kpi/wiring.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { eachDue, takeCensus } from '../sweep/episodes-store.ts';
import { openPage } from './audience-page.ts';
import { withFigures } from './figures-pipeline.ts';
import { eachDueAtSource } from './learners-pipeline.ts';
import { type AudienceFlags, addAudienceOptions, isListRequested, shownFigures } from './options.ts';
import { BATCH, type ListDeps, listAsRead, listSorted } from './pipeline.ts';
import { decideFromSource } from './silence-at-source.ts';

/** The mode of `sweep` that lists who would be flagged. */
export const dryRunMode = {
  addOptions: addAudienceOptions,
  isRequested: isListRequested,

  run(context: CommandContext, flags: AudienceFlags, plan: SweepPlan): Promise<number> {
    const withTables = flags.fromSource ? withDatabase : withOwnTables;
    return withTables(context, (database) =>
      withSourceDatabase(context, (source) => list(context, flags, plan, database, source)),
    );
  },
};

async function list(
  context: CommandContext,
  flags: AudienceFlags,
  plan: SweepPlan,
  database: Database,
  source: Database,
): Promise<number> {
  const { settings, log, live, stopping, flushed } = context;
  const { fromSource = false, sort } = flags;
  const wanted = shownFigures(flags);
  const page = openPage(context, flags, plan, wanted);
  const decisions = decideFromSource(plan);
  const requireRunning = () => {
    if (stopping.aborted) throw new LastseenError('interrupted', 'stopped by a signal: the list is not complete');
  };
  // Postgres sorts by what it has.
  const sortedByPostgres = fromSource || sort === 's' || sort === 'p' ? undefined : sort;
  const figures = { ...figureDeps(context, source, database), ignoresLastSeenTable: fromSource };
  let failed = 0;
  const deps: ListDeps = {
    each: (onDue) =>
      fromSource
        ? eachDueAtSource(source, { settings, plan, decide: decisions.decide, requireRunning }, onDue)
        : eachDue(database, plan, onDue, { order: sortedByPostgres, batchSize: BATCH }),
    addFigures:
      wanted.length === 0
        ? undefined
        : (learners) =>
            withFigures(figures, learners, { wanted, asOf: plan.asOf }, (error) => {
              failed += 1;
              // The list names the learner; log lines never do.
              log.error({ event: 'learner_failed', error }, 'could not compute the figures of a learner');
            }),
    async show(learners) {
      learners.forEach(page.add);
      await flushed();
    },
    showProgress: (total) => showProgress({ what: 'figures', unit: 'learners', total, log, live }),
    requireRunning,
  };
  await (sort === sortedByPostgres || sort === undefined ? listAsRead(deps) : listSorted(deps, sort));
  page.end?.(fromSource ? decisions.census() : await takeCensus(database, plan));
  return failed === 0 ? EXIT.done : EXIT.failed;
}
