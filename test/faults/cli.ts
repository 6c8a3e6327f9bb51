import '../../src/cli/warnings.ts';
import { Command, InvalidArgumentError } from 'commander';
import { onEndingSignal } from '../../stack/ended-by.ts';
import { readNamesAmong } from './names.ts';
import { startFaults } from './run.ts';
import { STAGES } from './stages.ts';
import { isWhole, page, pageJson } from './table.ts';

const FAULTS = STAGES.flatMap(({ faults }) => faults);

interface Flags {
  readonly times: number;
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly jobs: number;
  readonly seed: number;
  readonly list?: true;
  readonly json?: true;
}

async function run(flags: Flags): Promise<number> {
  if (flags.list) {
    for (const { name, about } of FAULTS) console.log(`${name.padEnd(24)}${about}`);
    return 0;
  }
  const names = (flags.only ?? FAULTS.map(({ name }) => name)).filter((name) => !flags.skip?.includes(name));
  console.error(`seed ${flags.seed}: repeat this run with --seed ${flags.seed}`);
  const faults = startFaults({
    stages: STAGES,
    times: new Map(names.map((name) => [name, flags.times])),
    jobs: flags.jobs,
    seed: flags.seed,
    report: (line) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`),
  });
  const print = () => console.log(flags.json ? pageJson(faults.results()) : page(faults.results()));
  // All servers and processes end with this process.
  onEndingSignal((code) => {
    print();
    process.exit(code);
  });
  await faults.done;
  print();
  return faults.results().every(isWhole) ? 0 : 1;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return count;
}

const readNames = readNamesAmong(FAULTS);

await new Command('faults')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .description('Injects faults into a real stack and compares the results with SQL over the source tables.')
  .option('--times <n>', 'injections per fault', readCount, 3)
  .option('--only <names>', 'only these faults, separated by commas', readNames)
  .option('--skip <names>', 'all except these, separated by commas', readNames)
  .option('--jobs <n>', 'number of stacks in parallel, about 1.5 GB each', readCount, 1)
  .option('--seed <n>', 'seed of the random delays and records', readCount, Date.now() % 1_000_000)
  .option('--list', 'list the faults')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Needs Java 17 or newer; the first run also needs Maven. Exit code 1: something was lost or wrong.

Examples:
  npm run faults
  npm run faults -- --times 50 --only kill-track,kill-sweep
  npm run faults -- --jobs 2 --json`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
