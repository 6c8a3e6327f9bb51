import type { Command } from 'commander';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { modelPage } from './churn-page.ts';
import { modelText } from './model/model.ts';
import { readModel } from './model-store.ts';

export function addShow(churn: Command): void {
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
