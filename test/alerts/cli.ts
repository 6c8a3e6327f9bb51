import '../../src/cli/warnings.ts';
import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { json, table } from '../../src/cli/tables.ts';
import { onEndingSignal } from '../../stack/ended-by.ts';
import { openHarness } from '../faults/harness.ts';
import { readNamesAmong } from '../faults/names.ts';
import { openAlertWorld } from './alert-world.ts';
import { askPanels, type QueryResult } from './dashboard.ts';
import { ALERT_FAULTS, type AlertFault } from './faults.ts';
import { type AlertResult, tryFault } from './try-fault.ts';

interface Flags {
  readonly only?: readonly string[];
  readonly list?: true;
  readonly json?: true;
}

/** Number of faults at the start that prepare the others. */
const PREPARING_FAULTS = 2;

async function run({ only, list, json: asJson }: Flags): Promise<number> {
  if (list) {
    for (const { name, fires } of ALERT_FAULTS) console.log(`${name.padEnd(20)}${fires.join(', ')}`);
    return 0;
  }
  if (spawnSync('prometheus', ['--version']).error !== undefined) {
    console.error('prometheus is not on the PATH: install it, or unpack its package and put it there');
    return 2;
  }
  const report = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
  onEndingSignal((code) => process.exit(code));
  const results: AlertResult[] = [];
  let queries: readonly QueryResult[] = [];
  const harness = await openHarness({ seed: 1, onProgress: report });
  try {
    const alertWorld = await openAlertWorld(harness);
    try {
      await alertWorld.world.prepare();
      for (const [n, fault] of ALERT_FAULTS.entries()) {
        if (n >= PREPARING_FAULTS && only !== undefined && !only.includes(fault.name)) continue;
        report(`${fault.name} …`);
        const result = await tryFault(alertWorld, fault).catch((error: Error) => brokenDown(fault, error));
        results.push(result);
        report(`${fault.name}: ${verdict(result)}`);
        // A failed fault would affect the next one.
        if (result.failure !== undefined) break;
      }
      queries = await askPanels(alertWorld.prometheus);
    } finally {
      await alertWorld.close();
    }
  } finally {
    await harness.close();
  }
  console.log(asJson ? json({ alerts: results, queries }) : page(results, queries));
  const unasked = only === undefined && queries.some(({ hasData }) => !hasData);
  return unasked || results.some((result) => verdict(result) !== 'ok') ? 1 : 0;
}

function brokenDown({ name, fires }: AlertFault, error: Error): AlertResult {
  const nothing = { firedAfterMs: 0, resolvedAfterMs: 0, allowed: [], unexpected: [] };
  return { fault: name, alerts: fires, ...nothing, failure: `failed: ${error.message}` };
}

function verdict({ failure, unexpected }: AlertResult): string {
  if (failure !== undefined) return failure;
  return unexpected.length === 0 ? 'ok' : `fired as well: ${unexpected.join(', ')}`;
}

function page(results: readonly AlertResult[], queries: readonly QueryResult[]): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const empty = queries.filter(({ hasData }) => !hasData);
  return [
    table(
      ['fault', 'alert', 'fires after s', 'resolves after s', 'also fired', ''],
      results.map((result) => [
        result.fault,
        result.alerts.join(', '),
        seconds(result.firedAfterMs),
        seconds(result.resolvedAfterMs),
        result.allowed.join(', '),
        verdict(result),
      ]),
    ),
    '',
    `dashboard: ${queries.length - empty.length} of ${queries.length} queries have data`,
    ...empty.map(({ panel, query }) => `without data: ${panel}, ${query}`),
  ].join('\n');
}

const readNames = readNamesAmong(ALERT_FAULTS);

await new Command('alerts')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .description(
    'Makes each alert fire and resolve on a real stack with a real Prometheus, and runs the queries of the dashboard.',
  )
  .option('--only <names>', 'only these faults, separated by commas, after the two that prepare the others', readNames)
  .option('--list', 'list the faults with their alerts')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Needs \`prometheus\` on the PATH, and Java 17 or newer; the first run also needs Maven. The durations of the rules are
divided by 60. Exit code 1: an alert did not fire, did not resolve or fired unexpectedly, or a query had no data.

Examples:
  npm run alerts
  npm run alerts -- --only bad-record,kafka-away --json`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
