import type { Instant } from '../activity/instant.ts';
import { type Partition, type Position, partitionKey, type RawBatch } from '../kafka/client/records.ts';
import {
  advanceReading,
  continuesAt,
  type LogBounds,
  type ReadState,
  type ReadStep,
  startReading,
} from '../last-seen/continuity.ts';
import type { PartitionGap } from '../last-seen/gap.ts';
import { recordGaps } from '../last-seen/gaps-store.ts';
import { loadReadState, recordProgress, resetProgress } from '../last-seen/progress-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';

export interface ProgressDeps {
  readonly database: Database;
  /** The current start and end of the partition's log; called only if a batch does not continue the last one. */
  readonly readBounds: (partition: Partition) => Promise<LogBounds>;
}

/** What one transaction records about its partitions. */
export interface ProgressChanges {
  readonly states: Map<string, ReadState>;
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
  const lastStates = new Map<string, ReadState>();

  const start = async (key: string, batch: RawBatch): Promise<ReadStep> => {
    const at = batch.fromOffset;
    const last = lastStates.get(key);
    if (last !== undefined && continuesAt(last, at)) return { state: last };
    const recorded = await loadReadState(deps.database, batch);
    return startReading(recorded, at, continuesAt(recorded, at) ? undefined : await deps.readBounds(batch));
  };

  return {
    noChanges: () => ({ states: new Map(), gaps: [] }),

    async collect(batch, { states, gaps }) {
      const { topic, partition } = batch;
      const key = partitionKey(batch);
      const started = await start(key, batch);
      const ended = advanceReading(started.state, batch);
      lastStates.set(key, ended.state);
      states.set(key, ended.state);
      for (const { gap } of [started, ended]) {
        if (gap !== undefined) gaps.push({ topic, partition, ...gap });
      }
    },

    async record(tx, { states, gaps }, positions) {
      await resetProgress(
        tx,
        gaps.filter(({ kind }) => kind === 'another_topic'),
      );
      await recordProgress(
        tx,
        positions.map((position) => {
          const state = states.get(partitionKey(position));
          const furthest = state?.previous ?? state;
          return { ...position, previousOffset: state?.previous?.nextOffset, lastRecordAt: furthest?.lastRecordAt };
        }),
      );
      return recordGaps(tx, gaps);
    },
  };
}
