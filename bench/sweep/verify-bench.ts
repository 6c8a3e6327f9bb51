import type { Bench } from '../bench.ts';
import { populateOtherSources, populateSessions } from './population.ts';
import { prepareSweep, sweepSide } from './sweep-bench.ts';

const CROSSING_SHARE = 0.01;
const SESSIONS_EACH = 2;

const ratio = (figure: string) => ({
  numerator: { side: 'verify.crossed', figure },
  denominator: { side: 'verify.off', figure },
});

/** What it costs to look up the candidates in the source tables. */
export const SWEEP_VERIFY: Bench = {
  name: 'sweep.verify',
  about: 'sweep of which 1 % of the learners cross, with and without a look-up of them in the indexed source tables',
  defaults: { records: 0, learners: 1_000_000, rounds: 9 },
  needs: ['kafka', 'registry'],
  // The look-up reads 40,000 pages at random, 310 MB. With the default of 128 MB they would be evicted between the rounds.
  postgresSettings: { shared_buffers: '1GB' },
  async sides(harness, { learners }) {
    await prepareSweep(harness, learners, CROSSING_SHARE);
    await populateSessions(harness, learners, CROSSING_SHARE, SESSIONS_EACH);
    await populateOtherSources(harness, learners, CROSSING_SHARE);
    return (['off', 'crossed'] as const).map((verify) =>
      sweepSide(harness, { learners, name: `verify.${verify}`, verify }),
    );
  },
  ratios: [
    { key: 'sweep until published, crossed/off', ...ratio('secondsToPublished'), most: 1.25 },
    { key: 'sweep to the commit, crossed/off', ...ratio('seconds') },
    { key: 'CPU of sweep and Postgres, crossed/off', ...ratio('cpuSeconds') },
  ],
};
