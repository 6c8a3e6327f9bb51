import { type Command, InvalidArgumentError } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { withDatabase, withSourceDatabase } from '../cli/connections.ts';
import { csvOption, type ListFlags } from '../cli/csv.ts';
import { readInstant } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError, usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { FIGURES, type FigureName } from './figures/figure.ts';
import { openPage } from './kpi-page.ts';
import { chosenLearners, type LearnerFlags } from './learners-pipeline.ts';
import { createKpiRun, type KpiPlan } from './pipeline.ts';
import { type FigureFlags, figureDeps, figureSettings, HORIZON, TARGET } from './wiring.ts';

interface Flags extends ListFlags, FigureFlags, LearnerFlags {
  readonly asOf?: Instant;
  readonly only?: readonly FigureName[];
  readonly store?: true;
}

export function addKpi(program: Command): void {
  program
    .command('kpi')
    .description('compute the figures of learners as of an instant and print them')
    .option('--as-of <instant>', 'compute for this instant, e.g. 2026-03-16T05:00:00Z (required)', readInstant)
    .option('--user <user_id...>', 'for these learners')
    .option('--user-file <file>', 'for the learners in a file, one user_id per line; - is standard input')
    .option('--all', 'for all learners in the source tables')
    .option('--inactive', 'for learners who are inactive by the table of last seen, as in a sweep')
    .option('--only <figures>', `compute only some of ${FIGURES.join(',')}`, readFigures)
    .option(...HORIZON)
    .option(...TARGET)
    .option('--store', 'merge the figures into weekly_kpi, as the platform’s weekly job does')
    .option('--json', 'print one JSON object per line')
    .addOption(csvOption('one learner per line'))
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen kpi --as-of 2026-03-16T05:00:00Z --user anna ben --only P,S' +
        '\n  lastseen kpi --as-of 2026-03-16T05:00:00Z --all --json > figures.ndjson' +
        '\n  lastseen kpi --as-of 2026-03-16T05:00:00Z --user-file class.txt --target 0.5 --horizon 28',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'kpi',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        flags: figureSettings(flags),
        work: (context) => {
          const plan = planOf(context, flags);
          const withTables = flags.store || flags.inactive ? withOwnTables : withDatabase;
          return withTables(context, (database) =>
            withSourceDatabase(context, (source) => run(context, flags, plan, database, source)),
          );
        },
      }),
    );
}

function planOf({ now }: CommandContext, flags: Flags): KpiPlan {
  if (flags.asOf === undefined) {
    throw usageError('--as-of is missing; give an instant, e.g. --as-of 2026-03-16T05:00:00Z');
  }
  const chosen = [flags.user, flags.userFile, flags.all, flags.inactive].filter((each) => each !== undefined);
  if (chosen.length !== 1) throw usageError('give exactly one of --user, --user-file, --all and --inactive');
  if (flags.user?.includes('')) throw usageError('--user is empty: the empty user_id is no learner');
  if (flags.store && (flags.horizon ?? flags.target) !== undefined) {
    throw usageError('--store writes figures of the configured horizon and target; omit --horizon and --target');
  }
  if (flags.store && flags.asOf > now()) {
    throw usageError('--as-of is in the future: --store needs a past instant');
  }
  return { asOf: flags.asOf, wanted: flags.only ?? FIGURES, store: flags.store === true };
}

async function run(
  context: CommandContext,
  flags: Flags,
  plan: KpiPlan,
  database: Database,
  source: Database,
): Promise<number> {
  const { flushed, log, stopping, live } = context;
  const deps = figureDeps(context, source, database);
  const page = openPage(context, flags, plan, deps.options);
  const kpiRun = createKpiRun(
    {
      ...deps,
      onFigures: page.add,
      onFailed: (userId, why) => {
        // The results name the learner; log lines never do.
        log.error({ event: 'learner_failed', error: why }, 'could not compute the figures of a learner');
        page.addFailed(userId, why);
      },
    },
    plan,
  );
  const learners = await chosenLearners(flags, plan.asOf, context.settings, { ...deps, source });
  const progress = showProgress({ what: 'figures', unit: 'learners', total: await learners.count(), log, live });
  try {
    await learners.each(async (userIds) => {
      if (stopping.aborted)
        throw new LastseenError('interrupted', 'stopped by a signal; the learners printed so far are done');
      await kpiRun.compute(userIds);
      progress.update(kpiRun.counts.learners);
      await flushed();
    });
  } finally {
    progress.end();
  }
  context.logResult({ event: 'kpi_completed', ...kpiRun.counts }, 'computed the figures');
  page.end(kpiRun.counts);
  return kpiRun.counts.failed === 0 ? EXIT.done : EXIT.failed;
}

function readFigures(text: string): readonly FigureName[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !FIGURES.some((figure) => figure === name));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`Unknown figures: ${unknown.join(', ')}. Known are ${FIGURES.join(', ')}.`);
  }
  return FIGURES.filter((figure) => names.includes(figure));
}
