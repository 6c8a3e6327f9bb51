import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import { openLoad } from '../load/load.ts';
import { quantile } from '../statistics.ts';
import { rssMbOf } from '../usage.ts';
import { appliedRecords, emptyLastSeen, lastCommitOf, requireRight } from './result.ts';

const SAMPLE_EVERY_MS = 1_000;
const MINUTE = 60_000 / SAMPLE_EVERY_MS;

/** One process of `track` beside a writer that never waits for it, and the memory that it holds second by second. */
export function steadySide(ground: Ground, options: { readonly records: number; readonly learners: number }): Side {
  return {
    name: 'track.steady',
    async turn(round) {
      await emptyLastSeen(ground);
      const prefix = `steady_${round}`;
      const { load, write } = await openLoad(ground, { prefix, table: 'session', ...options });
      const groupId = `${prefix}-track`;
      const run = await ground.lastseen({ ...ground.environment(prefix), KAFKA_GROUP_ID: groupId }, 'track');
      const startedAt = await ground.joined(groupId, run.ended);
      const samples: number[] = [];
      const sampling = setInterval(() => samples.push(rssMbOf(run.pid) ?? Number.NaN), SAMPLE_EVERY_MS);
      try {
        await write();
        while ((await appliedRecords(ground)) < load.records) await sleep(SAMPLE_EVERY_MS);
      } finally {
        clearInterval(sampling);
      }
      const seconds = ((await lastCommitOf(ground, 'lastseen.track_progress')) - startedAt) / 1000;
      const peakRssMb = run.peakRssMb();
      run.stop();
      await run.ended;
      await requireRight(ground, load);
      return {
        recordsPerSecond: load.records / seconds,
        seconds,
        peakRssMb,
        rssMbInSecondMinute: quantile(samples.slice(MINUTE, 2 * MINUTE), 0.5),
        rssMbInLastMinute: quantile(samples.slice(-MINUTE), 0.5),
      };
    },
  };
}
