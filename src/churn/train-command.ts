import { type Command, InvalidArgumentError } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { withSourceDatabase } from '../cli/connections.ts';
import { readInstant, readPositive } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import type { Database } from '../postgres/database.ts';
import { modelPage } from './churn-page.ts';
import { modelText } from './model/model.ts';
import { writeModel } from './model-store.ts';
import { type TrainPlan, train, USUAL_READINGS } from './train-pipeline.ts';
import { requireTime, trackedSourcesOf, USER_FILE, warnIncomplete } from './wiring.ts';

interface TrainFlags extends OutputFlags {
  readonly from?: Instant;
  readonly to?: Instant;
  readonly userFile?: string;
  readonly horizon: number;
  readonly ridge: number;
  readonly out?: string;
}

export function addTrain(churn: Command): void {
  churn
    .command('train')
    .description('train a model on the activity in the source tables')
    .option('--from <date>', 'first day of the snapshots', readInstant)
    .option('--to <date>', 'last day of the snapshots', readInstant)
    .option('--horizon <days>', 'S is the probability of no activity on this many days', readPositive, 14)
    .option('--ridge <weight>', 'penalty on the weights; larger for few learners', readRidge, 10)
    .option('--out <file>', 'write the model to this file')
    .option(...USER_FILE)
    .option('--json', 'print the model as one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
Takes a snapshot of each learner per week, from the first activity on: features from the days before it, and whether
the learner stayed away on the days after. Snapshots of which these are not over are left out. Reads the source tables
in one transaction; changes nothing.

Examples:
  lastseen churn train --from 2025-02-01 --to 2026-02-01 --out churn.json
  lastseen churn show churn.json`,
    )
    .action((flags: TrainFlags) =>
      runCommand({
        name: 'churn train',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) => {
          const plan = { ...requireTime(flags), horizonDays: flags.horizon, ridge: flags.ridge };
          return withSourceDatabase(context, (source) => runTrain(context, flags, plan, source));
        },
      }),
    );
}

function readRidge(text: string): number {
  const ridge = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(ridge) || ridge < 0) throw new InvalidArgumentError('It must be a number of 0 or more.');
  return ridge;
}

async function runTrain(
  context: CommandContext,
  flags: TrainFlags,
  plan: TrainPlan,
  sourceDatabase: Database,
): Promise<number> {
  const { log, live, stopping } = context;
  const reading = showProgress({ what: 'learners', unit: '% of the keys', total: 100, log, live });
  let fitting: ReturnType<typeof showProgress> | undefined;
  let readings = 0;
  const { model, incompleteDays } = await train(
    {
      sourceDatabase,
      ...(await trackedSourcesOf(context, flags)),
      isStopping: () => stopping.aborted,
      onLearner: (keyShare) => reading.update(Math.floor(100 * keyShare)),
      onRead() {
        if (fitting === undefined) {
          reading.end();
          fitting = showProgress({ what: 'fit', unit: 'readings', total: USUAL_READINGS, log, live });
        }
        fitting.update(Math.min(++readings, USUAL_READINGS));
      },
    },
    plan,
  ).finally(() => (fitting ?? reading).end());
  warnIncomplete(context, incompleteDays, model.horizon_days);
  if (flags.out !== undefined) await writeModel(flags.out, model);
  context.logResult({ event: 'churn_trained', hash: model.hash, ...model.trained }, 'model trained');
  context.print(flags.json ? modelText(model) : modelPage(model));
  return EXIT.done;
}
