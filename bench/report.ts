import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { table } from '../src/main/tables.ts';
import type { Spread } from './statistics.ts';
import { type BenchResult, shown } from './turns.ts';

const ROOT = join(import.meta.dirname, '..');

/** A bench's figures, and how much work that was. */
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
  const { head, figures, ratios } = tablesOf(name, result);
  return [head, table(figures[0] ?? [], figures.slice(1)), table(ratios[0] ?? [], ratios.slice(1))].join('\n\n');
}

/** The same for docs/performance.md. */
export function markdownPage(name: string, result: BenchResult): string {
  const { head, figures, ratios } = tablesOf(name, result);
  return [head, markdownTable(figures), markdownTable(ratios)].join('\n\n');
}

interface Tables {
  readonly head: string;
  /** The first line is the heading. */
  readonly figures: readonly (readonly string[])[];
  readonly ratios: readonly (readonly string[])[];
}

function tablesOf(name: string, { sides, ratios }: BenchResult): Tables {
  const figures = [...new Set(sides.flatMap(({ spread }) => Object.keys(spread)))];
  return {
    head: `${name}: median [least – most] of ${sides[0]?.rounds.length ?? 0} rounds`,
    figures: [
      ['figure', ...sides.map(({ side }) => side)],
      ...figures.map((figure) => [figure, ...sides.map(({ spread }) => cell(spread[figure]))]),
    ],
    ratios: [['ratio', 'median'], ...Object.entries(ratios).map(([key, spread]) => [key, cell(spread)])],
  };
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cell(spread: Spread | undefined): string {
  return spread === undefined ? '' : `${shown(spread.median)} [${shown(spread.min)} – ${shown(spread.max)}]`;
}

/** Of the checkout, to be asked before what is measured is started. */
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
    kafka: versionIn('stack/maven/kafka/pom.xml', 'kafka_2.13'),
    'debezium-connector-jdbc': versionIn('bench/maven/jdbc-sink/pom.xml', 'debezium-connector-jdbc'),
    'kafka-streams': versionIn('bench/maven/kafka-streams/pom.xml', 'kafka-streams'),
  };
}

function versionIn(pom: string, artifact: string): string {
  const [, dependencies = ''] = readFileSync(join(ROOT, pom), 'utf8').split('<dependencies>');
  return new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(dependencies)?.[1] ?? 'unknown';
}
