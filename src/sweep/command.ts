import type { Command } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { withSourceDatabase } from '../cli/connections.ts';
import { readInstant, readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import type { SettingTexts } from '../config/configuration.ts';
import { WAIT_FRESH } from '../freshness/wiring.ts';
import type { Database } from '../postgres/database.ts';
import { usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { configuredPlan, type SweepPlan } from '../silence/plan.ts';
import { printDue, printDueAtSource } from './dry-run-page.ts';
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
  readonly fromSource?: true;
}

export function addSweep(program: Command): void {
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
    .option('--force', 'skip the proof that the table is fresh; the run is recorded as forced')
    .option('--dry-run', 'print who would be flagged and why; write and emit nothing')
    .option(
      '--from-source',
      'with --dry-run: decide by the source tables only, without own tables and Kafka; also for a past --as-of',
    )
    .option('--json', 'print JSON: one object, or with --dry-run one object per line')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
--from-source reads SOURCE_DATABASE_URL. Earlier sweeps and dead letters are not known: every learner is CROSSED.

Examples:
  lastseen sweep --dry-run --threshold 14
  lastseen sweep --dry-run --from-source --as-of 2026-03-16T05:00:00Z`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'sweep',
        needs: flags.dryRun ? ['postgres'] : ['postgres', 'kafka', 'registry'],
        flags: texts(flags),
        printConfig: flags.printConfig,
        work: (context) =>
          flags.fromSource
            ? runFromSource(context, flags)
            : withOwnTables(context, (database) => run(context, flags, database)),
      }),
    );
  addSweepRuns(command);
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const plan = planOf(context, flags);
  if (flags.dryRun) {
    await printDue(context, database, plan, flags.json === true);
    return EXIT.done;
  }
  const outcome = await withSweepDeps(context, database, flags.force === true, (deps) => sweep(deps, plan));
  if (outcome.status === 'held') {
    context.print(flags.json ? json(outcome) : heldPage(outcome, plan));
    throw heldError(outcome);
  }
  context.log.info({ event: 'sweep_completed', ...outcome }, 'sweep completed');
  context.print(flags.json ? json(outcome) : completedPage(outcome, plan));
  return EXIT.done;
}

function runFromSource(context: CommandContext, flags: Flags): Promise<number> {
  if (!flags.dryRun) throw usageError('--from-source needs --dry-run: it emits nothing');
  const plan = planOf(context, flags);
  return withSourceDatabase(context, async (source) => {
    await printDueAtSource(context, source, plan, flags.json === true);
    return EXIT.done;
  });
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
