import { withDatabase, withSourceDatabase } from '../cli/connections.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT } from '../cli/run-command.ts';
import { figureDeps } from '../kpi/wiring.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { takeCensus } from '../sweep/census-store.ts';
import { eachDue, type ListOrder } from '../sweep/episodes-store.ts';
import { AUDIENCE, censusTable, type Layout, type ListedLearner, openList } from './audience-page.ts';
import { compareRun, compareThreshold } from './comparison-pipeline.ts';
import { differenceLayout, differenceTable } from './difference-page.ts';
import { type Comparison, countChanged, eachChanged } from './difference-store.ts';
import { type WithFigures, withFigures } from './figures-pipeline.ts';
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
      withSourceDatabase(context, (source) => list({ context, flags, plan, database, source })),
    );
  },
};

interface Reading {
  readonly context: CommandContext;
  readonly flags: AudienceFlags;
  readonly plan: SweepPlan;
  readonly database: Database;
  /** The database of the source tables. */
  readonly source: Database;
}

async function list(reading: Reading): Promise<number> {
  const { context, flags, plan, database, source } = reading;
  const comparison = await comparisonOf(reading);
  if (comparison !== undefined) return listDifference(reading, comparison);
  const { settings } = context;
  const { fromSource = false } = flags;
  const decisions = decideFromSource(plan);
  const { listed, code } = await listLearners(reading, {
    layout: AUDIENCE,
    each: (order, requireRunning, onDue) =>
      fromSource
        ? eachDueAtSource(source, { settings, plan, decide: decisions.decide, requireRunning }, onDue)
        : eachDue(database, plan, onDue, { order, batchSize: BATCH }),
  });
  if (isForPeople(flags)) {
    const census = fromSource ? decisions.census() : await takeCensus(database, plan);
    context.print(`\n${censusTable(census, plan, listed)}`);
  }
  return code;
}

async function comparisonOf({ flags, plan, database }: Reading): Promise<Comparison | undefined> {
  const { diff, diffThreshold } = flags;
  if (diffThreshold !== undefined) return compareThreshold(plan, diffThreshold);
  return diff === undefined ? undefined : compareRun(database, plan, diff);
}

async function listDifference(reading: Reading, comparison: Comparison): Promise<number> {
  const { context, flags, plan, database } = reading;
  const { code } = await listLearners(reading, {
    layout: differenceLayout(comparison),
    each: (order, _, onChanged) => eachChanged(database, comparison, onChanged, { order, batchSize: BATCH }),
  });
  if (isForPeople(flags)) {
    context.print(`\n${differenceTable(comparison, plan, await countChanged(database, comparison))}`);
  }
  return code;
}

const isForPeople = ({ json, csv }: AudienceFlags) => !json && !csv;

interface List<L extends ListedLearner> {
  readonly layout: Layout<L>;
  /** @param order as Postgres should sort; undefined if it need not */
  readonly each: (
    order: ListOrder | undefined,
    requireRunning: () => void,
    onLearners: (learners: readonly L[]) => Promise<void>,
  ) => Promise<void>;
}

/** Prints the list, sorted and with figures if they are wanted. */
async function listLearners<L extends ListedLearner>(
  { context, flags, plan, database, source }: Reading,
  { layout, each }: List<L>,
): Promise<{ readonly listed: number; readonly code: number }> {
  const { log, live, stopping, flushed } = context;
  const { fromSource = false, sort } = flags;
  const wanted = shownFigures(flags);
  const add = openList(context, flags, plan, wanted, layout);
  const requireRunning = () => {
    if (stopping.aborted) throw new LastseenError('interrupted', 'stopped by a signal: the list is not complete');
  };
  // Postgres sorts by what it has.
  const sortedByPostgres = fromSource || sort === 's' || sort === 'p' ? undefined : sort;
  const figures = { ...figureDeps(context, source, database), ignoresLastSeenTable: fromSource };
  let failed = 0;
  let listed = 0;
  const deps: ListDeps<WithFigures<L>> = {
    each: (onLearners) => each(sortedByPostgres, requireRunning, onLearners),
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
      learners.forEach(add);
      listed += learners.length;
      await flushed();
    },
    showProgress: (total) => showProgress({ what: 'figures', unit: 'learners', total, log, live }),
    requireRunning,
  };
  await (sort === sortedByPostgres || sort === undefined ? listAsRead(deps) : listSorted(deps, sort));
  return { listed, code: failed === 0 ? EXIT.done : EXIT.failed };
}
