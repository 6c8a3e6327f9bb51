import type { Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import type { Load } from '../load/load.ts';
import { LEARNERS_AS_SEEN } from './lastseen.ts';
import { lastCommitOf, rowsOf, wrongRows } from './result.ts';

/**
 * So many instances of `track` in one group, from when all of them have their partitions to the last row applied: what
 * was applied by then, while they joined one by one, does not count.
 */
export function instancesSide(ground: Ground, load: Load, instances: number): Side {
  const { database } = ground;
  return {
    name: `instances.${instances}`,
    async turn(round) {
      await database.query({
        text: 'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap',
      });
      await database.query({ text: 'CHECKPOINT' });
      const groupId = `${load.prefix}-${instances}-${round}`;
      const env = { ...ground.environment(load.prefix), KAFKA_GROUP_ID: groupId };
      const runs = await Promise.all(
        Array.from({ length: instances }, () => ground.lastseen(env, 'track', '--until-end', '--json')),
      );
      const ended = Promise.all(runs.map((run) => run.ended));
      const startedAt = await ground.joined(groupId, ended, instances);
      const before = await applied();
      if (before > load.records / 2) throw new Error(`${before} records were applied before all instances had joined`);
      await ended;
      const wrong = wrongRows(load, await rowsOf(ground, LEARNERS_AS_SEEN));
      if (wrong > 0) throw new Error(`track left ${wrong} learners elsewhere than at the latest of their records`);
      const endedAt = await lastCommitOf(ground, 'lastseen.track_progress');
      const seconds = (endedAt - startedAt) / 1000;
      const cpuSeconds = runs.reduce((sum, run) => sum + run.cpuSecondsBetween(startedAt, endedAt), 0);
      return {
        recordsPerSecond: (load.records - before) / seconds,
        seconds,
        cpuUsPerRecord: (cpuSeconds * 1e6) / (load.records - before),
        peakRssMb: Math.max(...runs.map((run) => run.peakRssMb())),
      };
    },
  };

  async function applied(): Promise<number> {
    const { rows } = await database.query<{ records: bigint | null }>({
      text: 'SELECT sum(next_offset)::int8 AS records FROM lastseen.track_progress',
    });
    return Number(rows[0]?.records ?? 0);
  }
}
