import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import { openLoad } from '../load/load.ts';
import { quantile } from '../statistics.ts';
import { rssMbOf } from '../usage.ts';
import { LEARNERS_AS_SEEN } from './lastseen.ts';
import { lastCommitOf, rowsOf, wrongRows } from './result.ts';

const SAMPLE_EVERY_MS = 1_000;
const MINUTE = 60_000 / SAMPLE_EVERY_MS;

/** One process of `track` beside a writer that never waits for it, and the memory that it holds second by second. */
export function steadySide(ground: Ground, options: { readonly records: number; readonly learners: number }): Side {
  return {
    name: 'track.steady',
    async turn(round) {
      await ground.database.query({
        text: 'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap',
      });
      const prefix = `steady-${round}`;
      const { load, write } = await openLoad(ground, { prefix, table: 'session', ...options });
      const groupId = `${prefix}-track`;
      const run = await ground.lastseen({ ...ground.environment(prefix), KAFKA_GROUP_ID: groupId }, 'track');
      const startedAt = await ground.joined(groupId, run.ended);
      const samples: number[] = [];
      const sampling = setInterval(() => samples.push(rssMbOf(run.pid) ?? Number.NaN), SAMPLE_EVERY_MS);
      try {
        await write();
        while ((await applied()) < load.records) await sleep(SAMPLE_EVERY_MS);
      } finally {
        clearInterval(sampling);
      }
      const seconds = ((await lastCommitOf(ground, 'lastseen.track_progress')) - startedAt) / 1000;
      const peakRssMb = run.peakRssMb();
      run.stop();
      await run.ended;
      const wrong = wrongRows(load, await rowsOf(ground, LEARNERS_AS_SEEN));
      if (wrong > 0) throw new Error(`track left ${wrong} learners elsewhere than at the latest of their records`);
      return {
        recordsPerSecond: load.records / seconds,
        seconds,
        peakRssMb,
        rssMbInSecondMinute: quantile(samples.slice(MINUTE, 2 * MINUTE), 0.5),
        rssMbInLastMinute: quantile(samples.slice(-MINUTE), 0.5),
      };
    },
  };

  async function applied(): Promise<number> {
    const { rows } = await ground.database.query<{ records: bigint | null }>({
      text: 'SELECT sum(next_offset)::int8 AS records FROM lastseen.track_progress',
    });
    return Number(rows[0]?.records ?? 0);
  }
}
