import type { Figures, Growth, Plans, Ratio, Side } from './bench.ts';
import { exponentOf, type Spread, spreadOf } from './statistics.ts';

interface SideResult {
  readonly side: string;
  /** One per round, without the warm-up. */
  readonly rounds: readonly Figures[];
  readonly spread: Readonly<Record<string, Spread>>;
  readonly plans: Plans;
}

export interface BenchResult {
  readonly sides: readonly SideResult[];
  readonly ratios: Readonly<Record<string, Spread>>;
  /** Limits of ratios, by key. */
  readonly bars: Readonly<Record<string, number>>;
}

interface RoundOptions {
  readonly rounds: number;
  /** Only these sides, by name. Default: all. */
  readonly only?: readonly string[] | undefined;
  readonly warmUp?: boolean | undefined;
  readonly note: (line: string) => void;
}

/**
 * Runs the sides alternately, A B A B …, after one uncounted run each, so that changes over time (other load of the
 * machine, its clock) affect all sides alike.
 */
export async function runRounds(
  sides: readonly Side[],
  ratios: readonly (Ratio | Growth)[],
  { rounds, only, warmUp = true, note }: RoundOptions,
): Promise<BenchResult> {
  const unknown = only?.find((name) => sides.every((side) => side.name !== name));
  if (unknown !== undefined) {
    throw new Error(`there is no side ${unknown}; the sides are ${sides.map(({ name }) => name).join(', ')}`);
  }
  const running = await present(only === undefined ? sides : sides.filter(({ name }) => only.includes(name)), note);
  const measured = new Map<Side, Figures[]>(running.map((side) => [side, []]));
  for (const side of running) await side.prepare?.();
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    for (const [side, figures] of measured) {
      const now = await side.run(round);
      if (round > 0) figures.push(now);
      note(`  ${round === 0 ? 'warm-up' : `round ${round}`}  ${side.name.padEnd(16)} ${describe(now)}`);
    }
  }
  const results: SideResult[] = [];
  for (const [side, figures] of measured) {
    const plans = (await side.plans?.()) ?? {};
    results.push({ side: side.name, rounds: figures, spread: spreadsOf(figures), plans });
  }
  const bars = ratios.flatMap(({ key, most }) => (most === undefined ? [] : [[key, most] as const]));
  return { sides: results, ratios: ratiosOf(results, ratios), bars: Object.fromEntries(bars) };
}

async function present(sides: readonly Side[], note: (line: string) => void): Promise<Side[]> {
  const found: Side[] = [];
  for (const side of sides) {
    const missing = await side.missing?.();
    if (missing === undefined) found.push(side);
    else note(`  ${side.name} left out: ${missing}`);
  }
  return found;
}

function spreadsOf(rounds: readonly Figures[]): Record<string, Spread> {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, spreadOf(rounds.map((round) => round[name] ?? Number.NaN))]));
}

/** The ratio per round, not of the medians: what slows a whole round down cancels out. */
function ratiosOf(results: readonly SideResult[], ratios: readonly (Ratio | Growth)[]): Record<string, Spread> {
  const figureOf = ({ side, figure }: Ratio['numerator']) =>
    results.find((result) => result.side === side)?.rounds.map((round) => round[figure] ?? Number.NaN);
  return Object.fromEntries(
    ratios.flatMap((ratio) => {
      if ('over' in ratio) return results.length < 2 ? [] : [[ratio.key, spreadOf(growthOf(results, ratio))]];
      const { key, numerator, denominator } = ratio;
      const above = figureOf(numerator);
      const below = denominator === undefined ? above?.map(() => 1) : figureOf(denominator);
      if (above === undefined || below === undefined) return [];
      return [[key, spreadOf(above.map((value, round) => value / (below[round] ?? Number.NaN)))]];
    }),
  );
}

function growthOf(results: readonly SideResult[], { figure, over }: Growth): number[] {
  return (results[0]?.rounds ?? []).map((_, round) =>
    exponentOf(
      results.map(({ rounds }) => [rounds[round]?.[over] ?? Number.NaN, rounds[round]?.[figure] ?? Number.NaN]),
    ),
  );
}

function describe(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${shown(value)}`)
    .join('  ');
}

/** Three significant digits. */
export function shown(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
