import type { Command } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { readInstant, readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import type { SettingTexts } from '../config/configuration.ts';
import { WAIT_FRESH } from '../freshness/wiring.ts';
import type { Database } from '../postgres/database.ts';
import { usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { configuredPlan, type SweepPlan } from '../silence/plan.ts';
import { sweep } from './pipeline.ts';
import { addSweepRuns } from './runs-command.ts';
import { completedPage, heldError, heldPage } from './sweep-page.ts';
import { withSweepDeps } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly threshold?: string;
  readonly lookback?: string;
  readonly asOf?: Instant;
  readonly limit?: number;
  readonly waitFresh?: string;
  readonly force?: true;
  readonly dryRun?: true;
}

/** Another use of the rules of a sweep, under the same command: the dry run, which must not be imported here. */
interface SweepMode {
  addOptions(command: Command): Command;
  /** @throws LastseenError `usage` if a flag of the mode is given without it */
  isRequested(flags: Flags): boolean;
  run(context: CommandContext, flags: Flags, plan: SweepPlan): Promise<number>;
}

export function addSweep(program: Command, dryRun: SweepMode): void {
  const command = program
    .command('sweep')
    .enablePositionalOptions()
    .description(
      'find learners who are inactive as of an instant and emit new events: CROSSED once, ONGOING once per UTC day',
    )
    .option(
      '--threshold <days[,days…]>',
      'days without activity after which a learner is inactive; several thresholds form a ladder',
    )
    .option('--lookback <days>', 'ignore learners silent for this many days or more (KPI_LOOKBACK_DAYS)')
    .option('--as-of <instant>', 'decide for this instant, e.g. 2026-03-16T05:00:00Z (default: now)', readInstant)
    .option('--limit <n>', 'emit at most this many events', readPositive)
    .option(...WAIT_FRESH)
    .option('--force', 'skip the proof that the table is fresh; the run is recorded as forced');
  dryRun
    .addOptions(command)
    .option('--json', 'print JSON: one object, or with --dry-run one object per line')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
--from-source reads SOURCE_DATABASE_URL. Earlier sweeps and dead letters are not known: every learner is CROSSED.
--with adds the figures that recompute would write for this instant. A change is the difference to the figure of 7 days
before, computed from the same tables: it does not depend on weekly_kpi. --limit keeps the first by student_id, before
--sort; use \`head\` for the first of a sorted list.

Examples:
  lastseen sweep --dry-run --threshold 14
  lastseen sweep --dry-run --sort s --with P,S --csv > audience.csv
  lastseen sweep --dry-run --diff last
  lastseen sweep --dry-run --diff-threshold 10
  lastseen sweep --dry-run --from-source --as-of 2026-03-16T05:00:00Z`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'sweep',
        needs: flags.dryRun ? ['postgres'] : ['postgres', 'kafka', 'registry'],
        flags: texts(flags),
        printConfig: flags.printConfig,
        work: (context) => {
          const plan = planOf(context, flags);
          return dryRun.isRequested(flags)
            ? dryRun.run(context, flags, plan)
            : withOwnTables(context, (database) => run(context, flags, plan, database));
        },
      }),
    );
  addSweepRuns(command);
}

async function run(context: CommandContext, flags: Flags, plan: SweepPlan, database: Database): Promise<number> {
  const outcome = await withSweepDeps(context, database, flags.force === true, (deps) => sweep(deps, plan));
  if (outcome.status === 'held') {
    context.print(flags.json ? json(outcome) : heldPage(outcome, plan));
    throw heldError(outcome);
  }
  context.logResult({ event: 'sweep_completed', ...outcome }, 'sweep completed');
  context.print(flags.json ? json(outcome) : completedPage(outcome, plan));
  return EXIT.done;
}

function planOf({ settings, now }: CommandContext, flags: Flags): SweepPlan {
  const present = now();
  const asOf = flags.asOf ?? present;
  if (asOf > present) throw usageError('--as-of is in the future; give an instant that has passed');
  return configuredPlan(settings, asOf, flags.limit);
}

function texts(flags: Flags): SettingTexts {
  return { INACTIVITY_THRESHOLD_DAYS: flags.threshold, KPI_LOOKBACK_DAYS: flags.lookback, WAIT_FRESH: flags.waitFresh };
}
