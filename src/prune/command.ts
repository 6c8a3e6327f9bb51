import type { Command } from 'commander';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import type { Database } from '../postgres/database.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { previewPrune, prune } from './pipeline.ts';
import { prunedJson, prunedPage } from './prune-page.ts';

interface Flags extends OutputFlags {
  readonly dryRun?: true;
}

export function addPrune(program: Command): void {
  program
    .command('prune')
    .description('remove rows of own tables that no rule needs any more')
    .option('--dry-run', 'remove nothing; count what would be removed')
    .option('--json', 'print one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
Published events go after 60 days. Answers, watermarks, closed silences and runs go after 400 days, or after the
lookback if that is longer. Open silences, dead letters, gaps, breaks, held runs and the runs that later ones are
compared with stay. If it is interrupted, the next run removes the rest. Exit code 75: a sweep or another prune is
running.

Examples:
  lastseen prune --dry-run
  lastseen prune --json`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'prune',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) => withOwnTables(context, (database) => run(context, flags, database)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const { settings, log, live, now, stopping } = context;
  const dryRun = flags.dryRun === true;
  const pruned = await (dryRun ? previewPrune : prune)({
    database,
    now,
    lookbackDays: settings.KPI_LOOKBACK_DAYS,
    isStopping: () => stopping.aborted,
    showProgress: (total) => showProgress({ what: 'prune', unit: 'pages', total, log, live }),
  });
  if (!dryRun) {
    const rows = Object.fromEntries(
      pruned.kinds.map(({ table, rows: count }) => [table.replace('lastseen.', ''), count]),
    );
    log.info({ event: 'prune_completed', ...rows }, 'pruned');
  }
  context.print(flags.json ? prunedJson(pruned, dryRun) : prunedPage(pruned, dryRun));
  return EXIT.done;
}
