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

export function resultsOf(runs: Readonly<Record<string, Run>>, postgresVersion: string): Results {
  const ratios = Object.values(runs).flatMap(({ ratios }) => Object.entries(ratios));
  return {
    ratios: Object.fromEntries(ratios.map(([key, { median }]) => [key, median])),
    runs,
    versions: versions(postgresVersion),
    machine: machine(),
    commit: commit(),
  };
}

export function page(name: string, { sides, ratios }: BenchResult): string {
  const figures = [...new Set(sides.flatMap(({ spread }) => Object.keys(spread)))];
  const head = `${name}: median [least – most] of ${sides[0]?.rounds.length ?? 0} rounds`;
  const figureRows = figures.map((figure) => [figure, ...sides.map(({ spread }) => cell(spread[figure]))]);
  const ratioRows = Object.entries(ratios).map(([key, spread]) => [key, cell(spread)]);
  return [
    head,
    table(['', ...sides.map(({ side }) => side)], figureRows),
    ...(ratioRows.length === 0 ? [] : [table(['ratio', ''], ratioRows)]),
  ].join('\n\n');
}

function cell(spread: Spread | undefined): string {
  return spread === undefined ? '' : `${shown(spread.median)} [${shown(spread.min)} – ${shown(spread.max)}]`;
}

function commit(): string {
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
  const text = readFileSync(join(ROOT, pom), 'utf8');
  return new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(text)?.[1] ?? 'unknown';
}
