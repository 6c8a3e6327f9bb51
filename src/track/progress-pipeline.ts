import type { Instant } from '../activity/instant.ts';
import { type Partition, type Position, partitionKey, type RawBatch } from '../kafka/client/records.ts';
import { advance, type Bounds, goesOn, type Reading, type Step, startReading } from '../last-seen/continuity.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import { recordGaps } from '../last-seen/gaps-store.ts';
import { forgetProgress, readReading, recordProgress } from '../last-seen/progress-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';

export interface ProgressDeps {
  readonly database: Database;
  /** Where the partition's log starts and ends now; asked only where a batch does not go on where reading was. */
  readonly readBounds: (partition: Partition) => Promise<Bounds>;
}

/** What one transaction is to record of the partitions that it reaches. */
export interface Reached {
  readonly readings: Map<string, Reading>;
  readonly gaps: PartitionGap[];
}

/** A position that is applied, with the newest commit time at the source among the records below (null: none said one). */
export interface AppliedPosition extends Position {
  readonly newestCommitAt: Instant | null;
}

export interface Progress {
  nothing(): Reached;
  /** Takes note of a batch. May be repeated after a retriable error: nothing is noted before all is asked. */
  collect(batch: RawBatch, reached: Reached): Promise<void>;
  /** In the transaction that applies the records. @returns the gaps that nobody had recorded before. */
  record(tx: Queryable, reached: Reached, positions: readonly AppliedPosition[]): Promise<PartitionGap[]>;
}

/**
 * How far each partition is applied, with a record of every gap. What this process has read last it knows; where a
 * batch does not go on there, the recorded progress decides, which another instance may have moved meanwhile.
 */
export function createProgress(deps: ProgressDeps): Progress {
  const readings = new Map<string, Reading>();

  const start = async (key: string, batch: RawBatch): Promise<Step> => {
    const at = batch.fromOffset;
    const last = readings.get(key);
    if (last !== undefined && goesOn(last, at)) return { reading: last };
    const recorded = await readReading(deps.database, batch);
    return startReading(recorded, at, goesOn(recorded, at) ? undefined : await deps.readBounds(batch));
  };

  return {
    nothing: () => ({ readings: new Map(), gaps: [] }),

    async collect(batch, reached) {
      const { topic, partition } = batch;
      const key = partitionKey(batch);
      const started = await start(key, batch);
      const ended = advance(started.reading, batch);
      readings.set(key, ended.reading);
      reached.readings.set(key, ended.reading);
      for (const { gap } of [started, ended]) {
        if (gap !== undefined) reached.gaps.push({ topic, partition, ...gap });
      }
    },

    async record(tx, reached, positions) {
      const { readings, gaps } = reached;
      await forgetProgress(
        tx,
        gaps.filter(({ kind }) => kind === 'another_topic'),
      );
      await recordProgress(
        tx,
        positions.map((position) => {
          const reading = readings.get(partitionKey(position));
          const furthest = reading?.known ?? reading;
          return { ...position, knownOffset: reading?.known?.nextOffset, lastRecordAt: furthest?.lastRecordAt };
        }),
      );
      return recordGaps(tx, gaps);
    },
  };
}
