import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { withSourceDatabase } from '../cli/connections.ts';
import { readInstant, readPositive } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { trackedSources } from '../config/kafka-names.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage, usageError } from '../runtime/errors.ts';
import { modelPage } from './churn-page.ts';
import { type ChurnModel, modelText, parseModel } from './model.ts';
import { type TrainPlan, train, USUAL_READINGS } from './train-pipeline.ts';

interface TrainFlags extends OutputFlags {
  readonly from?: Instant;
  readonly to?: Instant;
  readonly horizon: number;
  readonly ridge: number;
  readonly out?: string;
}

export function addChurn(program: Command): void {
  const churn = program
    .command('churn')
    .description('train a model of the churn risk S on what happened, and show one');
  addTrain(churn);
  addShow(churn);
}

function addTrain(churn: Command): void {
  churn
    .command('train')
    .description('train a model on the activity in the source tables')
    .option('--from <date>', 'first day of the snapshots', readInstant)
    .option('--to <date>', 'last day of the snapshots', readInstant)
    .option('--horizon <days>', 'S is the probability of no activity on this many days', readPositive, 14)
    .option('--ridge <weight>', 'penalty on the weights; larger for few learners', readRidge, 10)
    .option('--out <file>', 'write the model to this file')
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
          const plan = planOf(flags);
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

/** @throws LastseenError `usage` */
function planOf({ from, to, horizon, ridge }: TrainFlags): TrainPlan {
  if (from === undefined || to === undefined) throw usageError('--from and --to are needed: the time to learn from');
  if (from > to) throw usageError('--from is after --to');
  return { from, to, horizonDays: horizon, ridge };
}

async function runTrain(
  context: CommandContext,
  flags: TrainFlags,
  plan: TrainPlan,
  sourceDatabase: Database,
): Promise<number> {
  const { settings, log, live, stopping } = context;
  const reading = showProgress({ what: 'learners', unit: '% of the keys', total: 100, log, live });
  let fitting: ReturnType<typeof showProgress> | undefined;
  let readings = 0;
  const { model, incompleteDays } = await train(
    {
      sourceDatabase,
      sources: trackedSources(settings),
      attemptSource: settings.ATTEMPT_SOURCE,
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
  if (incompleteDays > 0) {
    log.warn(
      { event: 'outcomes_incomplete', days: incompleteDays },
      `the last ${incompleteDays} days of snapshots were left out: the ${model.horizon_days} days after them are not over`,
    );
  }
  if (flags.out !== undefined) await writeModel(flags.out, model);
  context.logResult({ event: 'churn_trained', hash: model.hash, ...model.trained }, 'model trained');
  context.print(flags.json ? modelText(model) : modelPage(model));
  return EXIT.done;
}

async function writeModel(path: string, model: ChurnModel): Promise<void> {
  await writeFile(path, `${modelText(model, 1)}\n`).catch((error: Error) => {
    throw usageError(`the model cannot be written: ${error.message}`);
  });
}

function addShow(churn: Command): void {
  churn
    .command('show')
    .description('show a model: how it was trained and tested, and what pushes S up and down')
    .argument('<file>', 'a file of `churn train`')
    .option('--json', 'print it as one JSON object')
    .option(...PRINT_CONFIG)
    .action((path: string, flags: OutputFlags) =>
      runCommand({
        name: 'churn show',
        needs: [],
        printConfig: flags.printConfig,
        work: async (context) => {
          const model = readModel(path);
          context.print(flags.json ? modelText(model) : modelPage(model));
          return EXIT.done;
        },
      }),
    );
}

/** @throws LastseenError `usage` with one line */
function readModel(path: string): ChurnModel {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`the model cannot be read: ${(error as Error).message}`);
  }
  try {
    return parseModel(text);
  } catch (error) {
    throw usageError(`${path} cannot be used: ${safeMessage(error)}`);
  }
}
