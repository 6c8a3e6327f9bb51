import type { Instant } from '../activity/instant.ts';
import { type Partition, type Position, partitionKey, type RawBatch } from '../kafka/client/records.ts';
import { advance, type Bounds, goesOn, type Reading, type Step, startReading } from '../last-seen/continuity.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import { recordGaps } from '../last-seen/gaps-store.ts';
import { forgetProgress, readReading, recordProgress } from '../last-seen/progress-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';

export interface ProgressDeps {
  readonly database: Database;
  /** The current start and end of the partition's log; called only if a batch does not continue the last one. */
  readonly readBounds: (partition: Partition) => Promise<Bounds>;
}

/** What one transaction records about its partitions. */
export interface ProgressChanges {
  readonly readings: Map<string, Reading>;
  readonly gaps: PartitionGap[];
}

/** An applied position, with the newest commit at the source among the records of the transaction; null: unknown. */
export interface AppliedPosition extends Position {
  readonly newestCommitAt: Instant | null;
}

export interface Progress {
  noChanges(): ProgressChanges;
  /** Adds a batch. Changes nothing if it fails, so it can be repeated after an outage. */
  collect(batch: RawBatch, changes: ProgressChanges): Promise<void>;
  /** Call it in the transaction that applies the records. @returns the gaps that were not recorded before. */
  record(tx: Queryable, changes: ProgressChanges, positions: readonly AppliedPosition[]): Promise<PartitionGap[]>;
}

/**
 * How far each partition is applied, and its gaps. A batch that continues the last one of this process needs no lookup.
 * Otherwise the recorded progress decides, which another instance may have moved in the meantime.
 */
export function createProgress(deps: ProgressDeps): Progress {
  const lastReadings = new Map<string, Reading>();

  const start = async (key: string, batch: RawBatch): Promise<Step> => {
    const at = batch.fromOffset;
    const last = lastReadings.get(key);
    if (last !== undefined && goesOn(last, at)) return { reading: last };
    const recorded = await readReading(deps.database, batch);
    return startReading(recorded, at, goesOn(recorded, at) ? undefined : await deps.readBounds(batch));
  };

  return {
    noChanges: () => ({ readings: new Map(), gaps: [] }),

    async collect(batch, { readings, gaps }) {
      const { topic, partition } = batch;
      const key = partitionKey(batch);
      const started = await start(key, batch);
      const ended = advance(started.reading, batch);
      lastReadings.set(key, ended.reading);
      readings.set(key, ended.reading);
      for (const { gap } of [started, ended]) {
        if (gap !== undefined) gaps.push({ topic, partition, ...gap });
      }
    },

    async record(tx, { readings, gaps }, positions) {
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
