import { Command, InvalidArgumentError } from 'commander';
import { json as toJson } from '../src/cli/tables.ts';
import { registerConnector } from './connector.ts';
import { onEndingSignal } from './ended-by.ts';
import { StackError } from './errors.ts';
import { PART_NAMES, type PartName } from './part.ts';
import { applyPlatformSchema } from './platform.ts';
import { showProgress } from './progress.ts';
import { createRunDir } from './run-dir.ts';
import { type RunningStack, startStack } from './stack.ts';

interface Flags {
  readonly json?: boolean;
  readonly parts?: readonly PartName[];
  readonly runDir?: string;
  readonly connector?: boolean;
}

function parseParts(text: string): PartName[] {
  return text.split(',').map((name) => {
    const part = PART_NAMES.find((known) => known === name.trim());
    if (part === undefined) throw new InvalidArgumentError(`"${name}" is not one of ${PART_NAMES.join(', ')}.`);
    return part;
  });
}

function environmentOf({ addresses }: RunningStack, parts: readonly PartName[]): Record<string, string> {
  const variables: readonly (readonly [PartName, string, string])[] = [
    ['postgres', 'DATABASE_URL', addresses.databaseUrl],
    ['kafka', 'KAFKA_BROKERS', addresses.brokers],
    ['registry', 'SCHEMA_REGISTRY_URL', addresses.registryUrl],
    ['connect', 'CONNECT_URL', addresses.connectUrl],
  ];
  return Object.fromEntries(variables.filter(([part]) => parts.includes(part)).map(([, name, value]) => [name, value]));
}

function printAddresses(stack: RunningStack, parts: readonly PartName[], json: boolean): void {
  const environment = environmentOf(stack, parts);
  if (json) {
    const { addresses, pids, runDir } = stack;
    console.log(toJson({ environment, addresses, pids, runDir }));
    return;
  }
  const rows = Object.entries(environment);
  const width = Math.max(...rows.map(([name]) => name.length));
  console.log();
  for (const [name, value] of [...rows, ['logs', `${stack.runDir}/logs`] as const]) {
    console.log(`  ${name.padEnd(width)}  ${value}`);
  }
  console.log();
  for (const [name, value] of rows) console.log(`export ${name}='${value}'`);
  console.log('\nCtrl-C stops all servers.');
}

async function run(flags: Flags): Promise<number> {
  const json = flags.json === true;
  const parts: readonly PartName[] =
    flags.parts === undefined || flags.parts.includes('connect') ? PART_NAMES : flags.parts;
  const end = new AbortController();
  let exitCode = 0;
  onEndingSignal((code) => {
    exitCode = code;
    end.abort();
  });
  const ended = new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()));
  const progress = showProgress(parts, json);
  let up = false;
  try {
    const stack = await startStack({
      parts,
      signal: end.signal,
      onProgress(part, state, detail) {
        if (!up) return progress.report(part, state, detail);
        console.error(detail);
        exitCode = 1;
        end.abort();
      },
      ...(flags.runDir === undefined ? {} : { runDir: createRunDir(flags.runDir) }),
    });
    up = true;
    await progress.close();
    try {
      if (flags.connector === true) {
        await applyPlatformSchema(stack.addresses.databaseUrl);
        await registerConnector(stack.addresses);
      }
      printAddresses(stack, parts, json);
      await ended;
    } finally {
      await stack.stop();
    }
  } catch (error) {
    await progress.close();
    if (end.signal.aborted) return exitCode;
    console.error(error instanceof StackError ? error.message : error);
    return 1;
  }
  return exitCode;
}

await new Command('stack')
  .description('Starts Postgres, Kafka, a schema registry and Kafka Connect with Debezium on free local ports.')
  .option('--parts <names>', `start only these of ${PART_NAMES.join(',')}; connect needs all`, parseParts)
  .option('--connector', 'also create the platform tables and register the Debezium connector')
  .option('--run-dir <path>', 'new or empty directory for data and logs; removed at the end')
  .option('--json', 'print only the addresses, as one line of JSON')
  .addHelpText(
    'after',
    '\nNeeds Java 17 or newer. The first run also needs Maven, and keeps about 240 MB in ~/.cache/lastseen-stack.',
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
