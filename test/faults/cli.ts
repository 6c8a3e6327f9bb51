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
  console.error(`seed ${flags.seed}: --seed ${flags.seed} injects the same again`);
  const faults = startFaults({
    stages: STAGES,
    times: new Map(names.map((name) => [name, flags.times])),
    jobs: flags.jobs,
    seed: flags.seed,
    tell: (line) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`),
  });
  const print = () => console.log(flags.json ? pageJson(faults.results()) : page(faults.results()));
  // Servers and processes do not outlive this one.
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
  .description('Injects faults into the real stack and compares what comes of it with SQL over the source tables.')
  .option('--times <n>', 'how often each fault is injected', readCount, 3)
  .option('--only <names>', 'only these, separated by commas', readNames)
  .option('--skip <names>', 'all but these', readNames)
  .option('--jobs <n>', 'so many stacks side by side, about 1.5 GB each', readCount, 1)
  .option('--seed <n>', 'where the random moments come from', readCount, Date.now() % 1_000_000)
  .option('--list', 'print the faults and end')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Needs Java 17 or newer; the first run also needs Maven. Exits 1 where anything was lost or wrong.

Examples:
  npm run faults
  npm run faults -- --times 50 --only kill-track,kill-sweep
  npm run faults -- --jobs 2 --json`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
