import type { Figures, Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import type { Load } from '../load/load.ts';
import { lastCommitOf, rowsOf, wrongRows } from './result.ts';
import { throughput } from './throughput.ts';

export const LEARNERS_AS_SEEN = `
SELECT user_id, (extract(epoch FROM last_seen_at) * 1e6)::int8 AS at FROM lastseen.user_last_seen`;

export interface TrackOptions {
  /** Default: by the table. */
  readonly name?: string;
  /** Leave the rows of the turn before, so that every record is one that was applied already. */
  readonly replayed?: boolean;
}

/** `lastseen track` from an empty table to the last row applied, under the default configuration. */
export function trackSide(ground: Ground, load: Load, { name, replayed = false }: TrackOptions = {}): Side {
  const empty = () =>
    ground.database.query({
      text: `TRUNCATE ${replayed ? '' : 'lastseen.user_last_seen,'} lastseen.track_progress, lastseen.track_gap`,
    });

  const turn = async (round: number): Promise<Figures> => {
    await empty();
    await ground.database.query({ text: 'CHECKPOINT' });
    const groupId = `${load.prefix}-track${replayed ? '-again' : ''}-${round}`;
    const env = { ...ground.environment(load.prefix), KAFKA_GROUP_ID: groupId };
    const before = await ground.servers();
    const run = await ground.lastseen(env, 'track', '--until-end', '--json');
    const startedAt = await ground.joined(groupId, run.ended);
    const summary = (await run.ended).json<{ counts: Record<string, Record<string, number>>; rowsChanged: number }>();
    const after = await ground.servers();
    const applied = summary.counts[load.table]?.['applied'];
    if (applied !== load.records) throw new Error(`track applied ${applied} of ${load.records} records`);
    const wrong = wrongRows(load, await rowsOf(ground, LEARNERS_AS_SEEN));
    if (wrong > 0) throw new Error(`track left ${wrong} learners elsewhere than at the latest of their records`);
    return {
      ...throughput({
        records: load.records,
        startedAt,
        endedAt: await lastCommitOf(ground, 'lastseen.track_progress'),
        run,
        before,
        after,
      }),
      rowsChanged: summary.rowsChanged,
    };
  };

  return {
    name: name ?? (replayed ? 'track.replayed' : `track.${load.table === 'session' ? 'small' : 'large'}`),
    ...(replayed
      ? {
          prepare: async () => {
            await ground.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
            await trackSide(ground, load).turn(-1);
          },
        }
      : {}),
    turn,
  };
}
