import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';
import { emptyLastSeen, lastCommitOf, requireRight } from './result.ts';

/**
 * Several instances of `track` in one group, from the first assignment of partitions to the last row applied. They join one
 * by one and fold records meanwhile, so the time to join is included.
 */
export function instancesSide(harness: Harness, load: Load, instances: number): Side {
  const { database } = harness;
  return {
    name: `instances.${instances}`,
    async run(round) {
      await emptyLastSeen(harness);
      await database.query({ text: 'CHECKPOINT' });
      const groupId = `${load.prefix}-${instances}-${round}`;
      const env = { ...harness.environment(load.prefix), KAFKA_GROUP_ID: groupId };
      const runs = await Promise.all(
        Array.from({ length: instances }, () => harness.lastseen(env, 'track', '--until-end', '--json')),
      );
      const ended = Promise.all(runs.map((run) => run.ended));
      const startedAt = await harness.waitForMembers(groupId, ended);
      await ended;
      await requireRight(harness, load);
      const endedAt = await lastCommitOf(harness, 'lastseen.track_progress');
      const seconds = (endedAt - startedAt) / 1000;
      const cpuSeconds = runs.reduce((sum, run) => sum + run.cpuSecondsBetween(startedAt, endedAt), 0);
      return {
        recordsPerSecond: load.records / seconds,
        seconds,
        cpuUsPerRecord: (cpuSeconds * 1e6) / load.records,
        peakRssMb: Math.max(...runs.map((run) => run.peakRssMb())),
      };
    },
  };
}
