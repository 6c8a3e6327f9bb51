import type { Command } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { withSourceDatabase } from '../cli/connections.ts';
import { readInstant } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import type { Database } from '../postgres/database.ts';
import { usageError } from '../runtime/errors.ts';
import type { ChurnModel } from './model/model.ts';
import { readModel } from './model-store.ts';
import { reportJson, reportPage } from './report-page.ts';
import { report } from './report-pipeline.ts';
import { requireTime, trackedSourcesOf, USER_FILE, warnIncomplete } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly model?: string;
  readonly from?: Instant;
  readonly to?: Instant;
  readonly userFile?: string;
}

export function addReport(churn: Command): void {
  churn
    .command('report')
    .description('compare S by a model, and by the formula, with what happened')
    .option('--model <file>', 'a file of `churn train`')
    .option('--from <date>', 'first day of the snapshots', readInstant)
    .option('--to <date>', 'last day of the snapshots', readInstant)
    .option(...USER_FILE)
    .option('--json', 'print one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
Takes weekly snapshots as \`churn train\` does. Take another time, or other learners, than those of the training: a model
is always good on what it has seen.

Examples:
  lastseen churn report --model churn.json --from 2026-02-01 --to 2026-06-01
  lastseen churn report --model churn.json --from 2026-02-01 --to 2026-06-01 --json`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'churn report',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) => {
          if (flags.model === undefined) throw usageError('--model is needed: a file of `lastseen churn train`');
          const [model, time] = [readModel(flags.model), requireTime(flags)];
          return withSourceDatabase(context, (source) => run(context, flags, { source, model, time }));
        },
      }),
    );
}

interface Inputs {
  readonly source: Database;
  readonly model: ChurnModel;
  readonly time: ReturnType<typeof requireTime>;
}

async function run(context: CommandContext, flags: Flags, { source, model, time }: Inputs): Promise<number> {
  const { settings, log, live, stopping } = context;
  const progress = showProgress({ what: 'learners', unit: '% of the keys', total: 100, log, live });
  const found = await report(
    {
      sourceDatabase: source,
      ...(await trackedSourcesOf(context, flags)),
      isStopping: () => stopping.aborted,
      onLearner: (share) => progress.update(Math.floor(100 * share)),
    },
    time,
    model,
    settings.METRICS_CHURN_HORIZON_DAYS,
  ).finally(() => progress.end());
  warnIncomplete(context, found.incompleteDays, model.horizon_days);
  context.print(flags.json ? reportJson(found, model) : reportPage(found, model));
  return EXIT.done;
}
