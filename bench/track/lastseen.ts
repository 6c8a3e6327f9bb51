import type { Figures, Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import type { Load } from '../load/load.ts';
import { emptyLastSeen, lastCommitOf, requireRight } from './result.ts';
import { throughput } from './throughput.ts';

export interface TrackOptions {
  /** Default: by the table. */
  readonly name?: string;
  /** Leave the rows of the turn before, so that every record is one that was applied already. */
  readonly replayed?: boolean;
}

/** `lastseen track` from an empty table to the last row applied, under the default configuration. */
export function trackSide(ground: Ground, load: Load, { name, replayed = false }: TrackOptions = {}): Side {
  const turn = async (round: number): Promise<Figures> => {
    if (replayed) await ground.database.query({ text: 'TRUNCATE lastseen.track_progress, lastseen.track_gap' });
    else await emptyLastSeen(ground);
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
    await requireRight(ground, load);
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
