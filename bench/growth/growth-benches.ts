import type { Bench, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { populate } from '../recompute/population.ts';
import { publishEvents, recomputeSide } from '../recompute/recompute-bench.ts';
import { fromSourceSide } from '../sweep/from-source-side.ts';
import { populateSessions } from '../sweep/population.ts';
import { prepareSweep, SILENT_SHARE, sweepSide } from '../sweep/sweep-bench.ts';

const SIZES: readonly number[] = [10_000, 100_000, 1_000_000, 10_000_000];
const LARGEST = Math.max(...SIZES);
const RECOMPUTED = 10_000;
/** Its source tables have six rows per learner. */
const DRY_RUN_LARGEST = 1_000_000;

/** Growth of cost with the number of learners and of their activities. Each size has its own database on one server. */
export const GROWTH_BENCHES: readonly Bench[] = [
  {
    name: 'growth.sweep',
    about: 'the bench sweep with 10,000 learners, 100,000, …',
    defaults: { records: 0, learners: LARGEST, rounds: 3 },
    needs: ['kafka', 'registry'],
    sides: (harness, { learners }) =>
      ofEachSize(harness, 'swept', learners, async (own, size) => {
        await prepareSweep(own, size, SILENT_SHARE);
        return sweepSide(own, { learners: size, name: `sweep.${size}`, verify: 'off' });
      }),
    ratios: [
      { key: 'growth.sweep seconds, exponent', figure: 'seconds', over: 'learners', most: 1.05 },
      {
        key: 'growth.sweep peak MB of the largest',
        numerator: { side: `sweep.${LARGEST}`, figure: 'peakRssMb' },
        most: 200,
      },
    ],
  },
  {
    name: 'growth.activities',
    about: 'sweep of the same learners with one session per learner in the source tables, and with many',
    defaults: { records: 2_000_000, learners: 100_000, rounds: 5 },
    needs: ['kafka', 'registry'],
    async sides(harness, { records, learners }) {
      const sides: Side[] = [];
      for (const [name, each] of Object.entries({ few: 1, many: Math.ceil(records / learners) })) {
        const own = await harness.openSibling(`activities_${name}`);
        await prepareSweep(own, learners, SILENT_SHARE);
        await populateSessions(own, learners, SILENT_SHARE, each);
        sides.push(sweepSide(own, { learners, name: `activities.${name}`, verify: 'crossed' }));
      }
      return sides;
    },
    ratios: [
      {
        key: 'growth.activities many/few',
        numerator: { side: 'activities.many', figure: 'seconds' },
        denominator: { side: 'activities.few', figure: 'seconds' },
      },
    ],
  },
  {
    name: 'growth.from-source',
    about: 'sweep --dry-run --from-source of 10,000 learners, 100,000, …',
    defaults: { records: 0, learners: DRY_RUN_LARGEST, rounds: 3 },
    needs: [],
    sides: (harness, { learners }) =>
      ofEachSize(harness, 'from_source', learners, (own, size) => fromSourceSide(own, size, `from-source.${size}`)),
    ratios: [
      { key: 'growth.from-source seconds, exponent', figure: 'seconds', over: 'learners' },
      {
        key: 'growth.from-source peak MB of the largest',
        numerator: { side: `from-source.${DRY_RUN_LARGEST}`, figure: 'peakRssMb' },
        most: 200,
      },
    ],
  },
  {
    name: 'growth.recompute',
    about: `P and S of ${RECOMPUTED} inactive learners among 10,000, among 100,000, …`,
    defaults: { records: 0, learners: LARGEST, rounds: 3 },
    needs: ['kafka', 'registry'],
    sides: (harness, { learners: largest }) =>
      ofEachSize(harness, 'recomputed', largest, async (own, among) => {
        const prefix = `recomputed_${among}`;
        const learners = Math.min(RECOMPUTED, among);
        await own.setUp(prefix);
        await populate(own, learners, among);
        await publishEvents(own, prefix);
        return recomputeSide(own, { prefix, learners, among, name: `recompute.${among}` });
      }),
    ratios: [{ key: 'growth.recompute seconds, exponent', figure: 'seconds', over: 'among' }],
  },
];

async function ofEachSize(
  harness: Harness,
  name: string,
  largest: number,
  sideOf: (own: Harness, size: number) => Promise<Side>,
): Promise<Side[]> {
  const sizes = SIZES.filter((size) => size <= largest);
  if (sizes.length === 0) throw new Error(`the smallest size is ${SIZES[0]} learners`);
  const sides: Side[] = [];
  for (const size of sizes) {
    harness.note(`  ${size} learners`);
    sides.push(await sideOf(await harness.openSibling(`${name}_${size}`), size));
  }
  return sides;
}
