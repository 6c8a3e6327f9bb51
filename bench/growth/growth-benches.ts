import type { Bench, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { populate } from '../recompute/population.ts';
import { publishEvents, recomputeSide } from '../recompute/recompute-bench.ts';
import { sweepSide } from '../sweep/sweep-bench.ts';

const SIZES: readonly number[] = [10_000, 100_000, 1_000_000, 10_000_000];
const LARGEST = Math.max(...SIZES);
const RECOMPUTED = 10_000;

/** Growth of cost with the number of learners and of their activities. Each size has its own database on one server. */
export const GROWTH_BENCHES: readonly Bench[] = [
  {
    name: 'growth.sweep',
    about: 'the bench sweep with 10,000 learners, 100,000, …',
    defaults: { records: 0, learners: LARGEST, rounds: 3 },
    needs: ['kafka', 'registry'],
    sides: (harness, { learners }) =>
      ofEachSize(harness, 'swept', learners, (own, size) => sweepSide(own, size, `sweep.${size}`)),
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
    about: 'sweep of the same learners with empty source tables, and with many sessions per learner',
    defaults: { records: 2_000_000, learners: 100_000, rounds: 5 },
    needs: ['kafka', 'registry'],
    async sides(harness, { records, learners }) {
      const [empty, full] = [await harness.openSibling('sources_empty'), await harness.openSibling('sources_full')];
      await fillSessions(full, records, learners);
      return [await sweepSide(empty, learners, 'sources.empty'), await sweepSide(full, learners, 'sources.full')];
    },
    ratios: [
      {
        key: 'growth.activities full/empty',
        numerator: { side: 'sources.full', figure: 'seconds' },
        denominator: { side: 'sources.empty', figure: 'seconds' },
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

/** One session per learner and day, for as many days as there are records. */
async function fillSessions({ database, note }: Harness, records: number, learners: number): Promise<void> {
  await database.query({
    text: `
INSERT INTO session (id, user_id, started_at, ended_at)
SELECT 's-' || n, 'learner ' || n % $2::bigint, at - interval '20 minutes', at
FROM generate_series(1, $1::bigint) n, LATERAL (SELECT timestamptz '2026-03-09Z' - n / $2 * interval '1 day' AS at) t`,
    values: [records, learners],
  });
  await database.query({ text: 'VACUUM (ANALYZE) session' });
  note(`  ${records} sessions`);
}
