import { describe, expect, it } from 'vitest';
import type { Side } from '../../bench/bench.ts';
import { aboveLimits, page } from '../../bench/report.ts';
import { runRounds } from '../../bench/rounds.ts';
import { exponentOf } from '../../bench/statistics.ts';

const grows = { key: 'seconds, exponent', figure: 'seconds', over: 'learners', most: 1.05 };
const sides = (exponent: number, plan: (size: number) => string): Side[] =>
  [100, 1_000, 10_000].map((size) => ({
    name: `size.${size}`,
    run: async (round) => ({ learners: size, seconds: (1 + round) * size ** exponent }),
    plans: async () => ({ 'plan of all': plan(size) }),
  }));
const measured = (...args: Parameters<typeof sides>) =>
  runRounds(sides(...args), [grows], { rounds: 2, note: () => {} });

describe('growth over the sides', () => {
  it('is the exponent of a power law, and NaN for one size', () => {
    expect(exponentOf([1, 10, 250].map((x) => [x, 3 * x ** 1.5]))).toBeCloseTo(1.5, 10);
    expect(exponentOf([[10, 3]])).toBeNaN();
  });

  it('is computed per round, and compared with its limit', async () => {
    const linear = await measured(1, () => 'Scan');
    expect(linear.ratios['seconds, exponent']?.max).toBeCloseTo(1, 10);
    expect(aboveLimits(linear)).toEqual([]);
    expect(aboveLimits(await measured(1.2, () => 'Scan'))).toEqual([
      'seconds, exponent is 1.2, above the limit of 1.05',
    ]);
  });

  it('is reported with the plans and the sides that use them', async () => {
    expect(page('g', await measured(1, () => 'Scan'))).toContain('plan of all, the same on all sides: Scan');
    const differing = page('g', await measured(1, (size) => (size < 500 ? 'Scan' : 'Index Scan')));
    expect(differing).toContain('plan of all, size.100: Scan');
    expect(differing).toContain('plan of all, size.1000, size.10000: Index Scan');
  });
});
