import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { table } from '../src/cli/tables.ts';
import { type BenchResult, shown } from './rounds.ts';
import type { Spread } from './statistics.ts';

const ROOT = join(import.meta.dirname, '..');

/** The figures of a bench and its size. */
export interface Run extends BenchResult {
  readonly records: number;
  readonly learners: number;
}

interface Results {
  /** Medians over the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly runs: Readonly<Record<string, Run>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly commit: string;
}

export function resultsOf(runs: Readonly<Record<string, Run>>, postgresVersion: string, commit: string): Results {
  const ratios = Object.values(runs).flatMap(({ ratios }) => Object.entries(ratios));
  return {
    ratios: Object.fromEntries(ratios.map(([key, { median }]) => [key, median])),
    runs,
    versions: versions(postgresVersion),
    machine: machine(),
    commit,
  };
}

export function page(name: string, result: BenchResult): string {
  const { head, figures, ratios, plans } = tablesOf(name, result);
  const tables = [figures, ratios].map(([heading = [], ...rows]) => table(heading, rows));
  return [head, ...tables, ...plans].join('\n\n');
}

/** The same for docs/performance.md. */
export function markdownPage(name: string, result: BenchResult): string {
  const { head, figures, ratios, plans } = tablesOf(name, result);
  return [head, markdownTable(figures), markdownTable(ratios), ...plans].join('\n\n');
}

interface Tables {
  readonly head: string;
  /** The first line is the heading. */
  readonly figures: readonly (readonly string[])[];
  readonly ratios: readonly (readonly string[])[];
  /** One line per plan. */
  readonly plans: readonly string[];
}

function tablesOf(name: string, { sides, ratios, bars }: BenchResult): Tables {
  const figures = [...new Set(sides.flatMap(({ spread }) => Object.keys(spread)))];
  return {
    head: `${name}: median [least – most] of ${sides[0]?.rounds.length ?? 0} rounds`,
    figures: [
      ['figure', ...sides.map(({ side }) => side)],
      ...figures.map((figure) => [figure, ...sides.map(({ spread }) => cell(spread[figure]))]),
    ],
    ratios: [
      ['ratio', 'median', ...(Object.keys(bars).length === 0 ? [] : ['at most'])],
      ...Object.entries(ratios).map(([key, spread]) => [key, cell(spread), ...(key in bars ? [`${bars[key]}`] : [])]),
    ],
    plans: plansOf(sides),
  };
}

/** Each plan with the sides that use it, so that differences between sides are visible. */
function plansOf(sides: BenchResult['sides']): string[] {
  const asked = sides.filter(({ plans }) => Object.keys(plans).length > 0);
  const statements = [...new Set(asked.flatMap(({ plans }) => Object.keys(plans)))];
  return statements.flatMap((statement) => {
    const sidesByPlan = Map.groupBy(asked, ({ plans }) => plans[statement] ?? 'none');
    return [...sidesByPlan].map(([plan, having]) => {
      const whose =
        having.length === sides.length ? 'the same on all sides' : having.map(({ side }) => side).join(', ');
      return `${statement}, ${whose}: ${plan}`;
    });
  });
}

/** The ratios above their limits, one line each. */
export function aboveLimits({ ratios, bars }: Pick<BenchResult, 'ratios' | 'bars'>): string[] {
  return Object.entries(bars).flatMap(([key, most]) => {
    const median = ratios[key]?.median;
    return median === undefined || median <= most ? [] : [`${key} is ${shown(median)}, above the limit of ${most}`];
  });
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cell(spread: Spread | undefined): string {
  return spread === undefined ? '' : `${shown(spread.median)} [${shown(spread.min)} – ${shown(spread.max)}]`;
}

/** The commit of the checkout. Call it before the measured programs start. */
export function presentCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with uncommitted changes');
  } catch {
    return 'unknown';
  }
}

function machine(): Record<string, string | number> {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadAverageAtEnd: loadavg()[0] ?? 0,
  };
}

function versions(postgres: string): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return {
    node: process.versions.node,
    kafkajs: dependencies['kafkajs'] ?? '',
    pg: dependencies['pg'] ?? '',
    postgres,
    kafka: versionIn('stack/servers/maven/kafka/pom.xml', 'kafka_2.13'),
    'debezium-connector-jdbc': versionIn('bench/maven/jdbc-sink/pom.xml', 'debezium-connector-jdbc'),
    'kafka-streams': versionIn('bench/maven/kafka-streams/pom.xml', 'kafka-streams'),
  };
}

function versionIn(pom: string, artifact: string): string {
  const [, dependencies = ''] = readFileSync(join(ROOT, pom), 'utf8').split('<dependencies>');
  return new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(dependencies)?.[1] ?? 'unknown';
}
