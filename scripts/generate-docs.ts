import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { activityInstant, SOURCE_FACTS, SOURCES } from '../src/activity/source.ts';
import { FEATURES } from '../src/churn/model/features.ts';
import { SETTINGS, type Setting } from '../src/config/settings.ts';
import { createMetrics } from '../src/observability/metrics.ts';
import { LOG_EVENTS } from '../src/runtime/log-events.ts';

/**
 * Writes the tables between `<!-- generated: name -->` and `<!-- end -->` from code. With --check it writes nothing, and
 * exits with 1 if a table differs.
 */
const TABLES: readonly { readonly file: string; readonly name: string; readonly text: () => Promise<string> }[] = [
  { file: 'README.md', name: 'settings', text: async () => settingsTable() },
  { file: 'docs/schemas.md', name: 'sources', text: async () => sourcesTable() },
  { file: 'docs/metrics.md', name: 'metrics', text: metricsTable },
  { file: 'docs/churn.md', name: 'features', text: async () => featuresTable() },
  { file: 'docs/operations.md', name: 'log events', text: async () => eventsTable() },
];

let differing = 0;
for (const { file, name, text } of TABLES) {
  const path = new URL(`../${file}`, import.meta.url);
  const page = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- generated: ${name} -->\n`, '\n<!-- end -->'];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`${file} has no place for the table of ${name}`);
  const generated = page.slice(0, from) + begin + (await text()) + page.slice(to);
  if (generated === page) continue;
  differing += 1;
  if (process.argv.includes('--check'))
    console.log(`${file}: the table of ${name} differs; \`npm run docs\` writes it`);
  else writeFileSync(path, generated);
}
if (process.argv.includes('--check') && differing > 0) process.exitCode = 1;

function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(
    ([name, { about, fallback, neededFor, secret }]: [string, Setting<unknown>]) => {
      const required = neededFor === undefined ? '' : ` (required: ${neededFor})`;
      const inFile = secret ? `; or ${code(`${name}_FILE`)}` : '';
      return [code(name), fallback === undefined ? '' : code(fallback), about + required + inFile];
    },
  );
  return table(['name', 'default', 'meaning'], rows);
}

function sourcesTable(): string {
  const rows = SOURCES.map((source) => [source, SOURCE_FACTS[source].learner, activityInstant(source)].map(code));
  return table(['source', 'learner', 'instant that counts'], rows);
}

async function metricsTable(): Promise<string> {
  const { registry: _, ...metrics } = createMetrics();
  const rows = Object.values(metrics).map(async (metric) => {
    const { name, type, help } = await metric.get();
    const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
    return [code(name), String(type), labelNames.map(code).join(', '), help];
  });
  return table(['metric', 'type', 'labels', 'meaning'], await Promise.all(rows));
}

function eventsTable(): string {
  return table(
    ['event', 'meaning'],
    Object.entries(LOG_EVENTS).map(([event, meaning]) => [code(event), meaning]),
  );
}

function featuresTable(): string {
  const rounded = (value: number) => String(Number(value.toFixed(2)));
  const rows = FEATURES.map(({ name, unit, range, formula }) => [
    code(name),
    unit,
    range.map(rounded).join(' to '),
    formula,
  ]);
  return table(['feature', 'unit', 'range', 'formula'], rows);
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
