import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { AS_OF, populateOtherSources, populateSessions } from './population.ts';
import { SILENT_SHARE } from './sweep-bench.ts';

/** Fills the source tables, and lists the inactive learners by them. */
export async function fromSourceSide(harness: Harness, learners: number, name: string): Promise<Side> {
  await populateSessions(harness, learners, SILENT_SHARE, 2);
  await populateOtherSources(harness, learners, SILENT_SHARE);
  const { DATABASE_URL = '' } = harness.environment(name);
  return {
    name,
    async run() {
      const startedAt = performance.now();
      const run = await harness.lastseen(
        { DATABASE_URL },
        'sweep',
        '--dry-run',
        '--from-source',
        '--json',
        '--as-of',
        AS_OF,
      );
      const { stdout } = await run.ended;
      const listed = stdout.trim().split('\n').length;
      if (listed !== learners * SILENT_SHARE) throw new Error(`${listed} learners were listed`);
      return { learners, seconds: (performance.now() - startedAt) / 1000, listed, peakRssMb: run.peakRssMb() };
    },
  };
}
