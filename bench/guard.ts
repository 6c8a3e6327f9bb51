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
  /** How much worse than accepted, as a share of it, is still taken for noise. */
  readonly tolerance: number;
  /** What is added to that, in the figure's own unit, where next to nothing was accepted. */
  readonly slack?: number;
}

/**
 * CPU and bytes rather than time: they change less with what else the machine does. The rate alone shows that stages no
 * longer overlap, but a busy machine halves it, since the bare driver needs one processor and `track` all there are. A slow
 * machine also folds fewer records into a row before it writes, hence the margins of what is written.
 */
const BOUNDS: Readonly<Record<string, Bound>> = {
  'track.small/kafkajs.raw': { better: 'more', tolerance: 0.6 },
  'track.small cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.4 },
  'track.small postgres cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.6 },
  'track.small wal bytes a record': { better: 'less', tolerance: 0.4 },
  'track.replayed cpu/kafkajs.raw cpu': { better: 'less', tolerance: 0.4 },
  'track.replayed wal bytes a record': { better: 'less', tolerance: 0.1, slack: 2 },
};

const of = (side: string, figure: string) => ({ side, figure });
const RAW_CPU = of('kafkajs.raw', 'cpuUsPerRecord');

/** Small enough for each change: what a record costs, through what the bare driver costs in the same run. */
export const GUARD: Bench = {
  name: 'guard',
  about: 'what a record costs beside the bare driver, held against bench/accepted.json',
  defaults: { records: 200_000, learners: 100_000, rounds: 3 },
  needs: ['kafka', 'registry'],
  async sides(harness, options) {
    const load = await loadTopic(harness, { prefix: 'guard', table: 'session', ...options });
    // The replay comes after the turn that fills the table.
    return [trackSide(harness, load), kafkajsRawSide(harness, load), trackSide(harness, load, { replayed: true })];
  },
  ratios: [
    {
      key: 'track.small/kafkajs.raw',
      of: of('track.small', 'recordsPerSecond'),
      to: of('kafkajs.raw', 'recordsPerSecond'),
    },
    { key: 'track.small cpu/kafkajs.raw cpu', of: of('track.small', 'cpuUsPerRecord'), to: RAW_CPU },
    { key: 'track.small postgres cpu/kafkajs.raw cpu', of: of('track.small', 'postgresCpuUsPerRecord'), to: RAW_CPU },
    { key: 'track.small wal bytes a record', of: of('track.small', 'walBytesPerRecord') },
    { key: 'track.replayed cpu/kafkajs.raw cpu', of: of('track.replayed', 'cpuUsPerRecord'), to: RAW_CPU },
    { key: 'track.replayed wal bytes a record', of: of('track.replayed', 'walBytesPerRecord') },
  ],
};

type Accepted = Readonly<Record<string, number>>;

export interface Verdict {
  readonly page: string;
  /** The figures that are worse than accepted by more than noise. */
  readonly worse: readonly string[];
}

/** @returns what is worse than it was when it was last accepted. A figure that was never accepted is. */
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
