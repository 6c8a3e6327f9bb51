import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { openLoad } from '../load/load.ts';
import { quantile } from '../statistics.ts';
import { rssMbOf } from '../usage.ts';
import { appliedRecords, emptyLastSeen, lastCommitOf, requireRight } from './result.ts';

const SAMPLE_EVERY_MS = 1_000;
const MINUTE = 60_000 / SAMPLE_EVERY_MS;

/** One process of `track` while a writer never waits for it, and its memory per second. */
export function steadySide(harness: Harness, options: { readonly records: number; readonly learners: number }): Side {
  return {
    name: 'track.steady',
    async run(round) {
      await emptyLastSeen(harness);
      const prefix = `steady_${round}`;
      const { load, write } = await openLoad(harness, { prefix, table: 'session', ...options });
      const groupId = `${prefix}-track`;
      const run = await harness.lastseen({ ...harness.environment(prefix), KAFKA_GROUP_ID: groupId }, 'track');
      const startedAt = await harness.waitForMembers(groupId, run.ended);
      const samples: number[] = [];
      const sampling = setInterval(() => samples.push(rssMbOf(run.pid) ?? Number.NaN), SAMPLE_EVERY_MS);
      try {
        await write();
        while ((await appliedRecords(harness)) < load.records) await sleep(SAMPLE_EVERY_MS);
      } finally {
        clearInterval(sampling);
      }
      const seconds = ((await lastCommitOf(harness, 'lastseen.track_progress')) - startedAt) / 1000;
      const peakRssMb = run.peakRssMb();
      run.stop();
      await run.ended;
      await requireRight(harness, load);
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
