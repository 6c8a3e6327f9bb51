import type { Figures, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';
import { emptyLastSeen, lastCommitOf, requireRight } from './result.ts';
import { throughput } from './throughput.ts';

export interface TrackOptions {
  /** Default: derived from the table. */
  readonly name?: string;
  /** Keep the rows of the previous run, so that every record was applied before. */
  readonly replayed?: boolean;
}

/** `lastseen track` from an empty table to the last row applied, with the default configuration. */
export function trackSide(harness: Harness, load: Load, { name, replayed = false }: TrackOptions = {}): Side {
  const run = async (round: number): Promise<Figures> => {
    if (replayed) await harness.database.query({ text: 'TRUNCATE lastseen.track_progress, lastseen.track_gap' });
    else await emptyLastSeen(harness);
    await harness.database.query({ text: 'CHECKPOINT' });
    const groupId = `${load.prefix}-track${replayed ? '-again' : ''}-${round}`;
    const env = { ...harness.environment(load.prefix), KAFKA_GROUP_ID: groupId };
    const before = await harness.readServerUse();
    const run = await harness.lastseen(env, 'track', '--until-end', '--json');
    const startedAt = await harness.waitForMembers(groupId, run.ended);
    const summary = (await run.ended).json<{ counts: Record<string, Record<string, number>>; rows_changed: number }>();
    const after = await harness.readServerUse();
    const applied = summary.counts[load.table]?.['applied'];
    if (applied !== load.records) throw new Error(`track applied ${applied} of ${load.records} records`);
    await requireRight(harness, load);
    return {
      ...throughput({
        records: load.records,
        startedAt,
        endedAt: await lastCommitOf(harness, 'lastseen.track_progress'),
        run,
        before,
        after,
      }),
      rowsChanged: summary.rows_changed,
    };
  };

  return {
    name: name ?? (replayed ? 'track.replayed' : `track.${load.table === 'session' ? 'small' : 'large'}`),
    ...(replayed
      ? {
          prepare: async () => {
            await harness.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
            await trackSide(harness, load).run(-1);
          },
        }
      : {}),
    run,
  };
}
