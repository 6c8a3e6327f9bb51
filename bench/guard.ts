import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from '../src/cli/tables.ts';
import type { Bench } from './bench.ts';
import { loadTopic } from './load/load.ts';
import { type BenchResult, shown } from './rounds.ts';
import { trackSide } from './track/lastseen.ts';
import { kafkajsRawSide } from './track/raw.ts';

const ACCEPTED = join(import.meta.dirname, 'accepted.json');

interface Bound {
  readonly better: 'more' | 'less';
  /** Share of the accepted value by which a result may be worse: noise. */
  readonly tolerance: number;
  /** Added to the tolerance, in the figure's unit, for accepted values close to 0. */
  readonly slack?: number;
}

/**
 * Mostly CPU and bytes, which depend less on other load of the machine than time. Only the rate shows that stages no longer
 * overlap, but a busy machine halves it: the bare driver needs one processor, and `track` uses all. A slow machine also
 * folds fewer records into one row before it writes, so the tolerances of written bytes are large.
 */
const BOUNDS: Readonly<Record<string, Bound>> = {
  'track.small/kafkajs.raw': { better: 'more', tolerance: 0.6 },
  'track.small cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.4 },
  'track.small postgres cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.6 },
  'track.small wal bytes per record': { better: 'less', tolerance: 0.4 },
  'track.replayed cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.4 },
  'track.replayed wal bytes per record': { better: 'less', tolerance: 0.1, slack: 2 },
};

const figureOf = (side: string, figure: string) => ({ side, figure });
const RAW_CPU = figureOf('kafkajs.raw', 'cpuUsPerRecord');

/** Short enough to run on each change: the cost per record relative to the bare driver in the same run. */
export const GUARD: Bench = {
  name: 'guard',
  about: 'cost per record relative to the bare driver, compared with bench/accepted.json',
  defaults: { records: 200_000, learners: 100_000, rounds: 3 },
  needs: ['kafka', 'registry'],
  async sides(harness, options) {
    const load = await loadTopic(harness, { prefix: 'guard', table: 'session', ...options });
    // The replayed side runs after the side that fills the table.
    return [trackSide(harness, load), kafkajsRawSide(harness, load), trackSide(harness, load, { replayed: true })];
  },
  ratios: [
    {
      key: 'track.small/kafkajs.raw',
      numerator: figureOf('track.small', 'recordsPerSecond'),
      denominator: figureOf('kafkajs.raw', 'recordsPerSecond'),
    },
    {
      key: 'track.small cpu/kafkajs.raw cpu',
      numerator: figureOf('track.small', 'cpuUsPerRecord'),
      denominator: RAW_CPU,
    },
    {
      key: 'track.small postgres cpu/kafkajs.raw cpu',
      numerator: figureOf('track.small', 'postgresCpuUsPerRecord'),
      denominator: RAW_CPU,
    },
    { key: 'track.small wal bytes per record', numerator: figureOf('track.small', 'walBytesPerRecord') },
    {
      key: 'track.replayed cpu/kafkajs.raw cpu',
      numerator: figureOf('track.replayed', 'cpuUsPerRecord'),
      denominator: RAW_CPU,
    },
    { key: 'track.replayed wal bytes per record', numerator: figureOf('track.replayed', 'walBytesPerRecord') },
  ],
};

type Accepted = Readonly<Record<string, number>>;

export interface Verdict {
  readonly page: string;
  /** Figures that are worse than accepted by more than the tolerance. */
  readonly worse: readonly string[];
}

/** Compares with the accepted results. A figure without an accepted value counts as worse. */
export function judge({ ratios }: Pick<BenchResult, 'ratios'>, accepted: Accepted = readAccepted()): Verdict {
  const rows = Object.entries(BOUNDS).map(([key, bound]) => {
    const now = ratios[key]?.median ?? Number.NaN;
    const before = accepted[key] ?? Number.NaN;
    const limit = limitOf(before, bound);
    const holds = bound.better === 'more' ? now >= limit : now <= limit;
    return { key, before, limit, now, holds, better: bound.better };
  });
  return {
    page: table(
      ['figure', 'accepted', 'limit', 'now', ''],
      rows.map(({ key, before, limit, now, holds, better }) => [
        key,
        shown(before),
        `${better === 'more' ? '≥' : '≤'} ${shown(limit)}`,
        shown(now),
        holds ? 'ok' : 'WORSE',
      ]),
    ),
    worse: rows.filter(({ holds }) => !holds).map(({ key }) => key),
  };
}

function limitOf(accepted: number, { better, tolerance, slack = 0 }: Bound): number {
  return better === 'more' ? accepted * (1 - tolerance) - slack : accepted * (1 + tolerance) + slack;
}

export function accept({ ratios }: Pick<BenchResult, 'ratios'>): void {
  const figures = Object.keys(BOUNDS).map((key) => [key, Number((ratios[key]?.median ?? Number.NaN).toPrecision(3))]);
  writeFileSync(ACCEPTED, `${JSON.stringify(Object.fromEntries(figures), null, 2)}\n`);
}

function readAccepted(): Accepted {
  return JSON.parse(readFileSync(ACCEPTED, 'utf8')) as Accepted;
}
