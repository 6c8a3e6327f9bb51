import type { Command } from 'commander';
import { addReport } from './report-command.ts';
import { addShow } from './show-command.ts';
import { addTrain } from './train-command.ts';

export function addChurn(program: Command): void {
  const churn = program
    .command('churn')
    .description('train a model of the churn risk S on what happened, show one, and report how good it is');
  for (const add of [addTrain, addShow, addReport]) add(churn);
}
