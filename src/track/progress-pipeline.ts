import type { Instant } from '../activity/instant.ts';
import { type Partition, partitionKey, type RawBatch } from '../kafka/client/records.ts';
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
  /** The wall clock: timestamps of records that are much later are ignored. */
  readonly now: () => Instant;
  /** The current start and end of the partition's log; called only if a batch does not continue the last one. */
  readonly readBounds: (partition: Partition) => Promise<LogBounds>;
}

/** What one transaction records about a partition. */
export interface PartitionChange extends Partition {
  /** Where the first batch of the transaction was requested. */
  readonly fromOffset: bigint;
  state: ReadState;
  /** The newest commit at the source among the records of the transaction; null: unknown. */
  newestCommitAt: Instant | null;
}

export interface ProgressChanges {
  readonly partitions: Map<string, PartitionChange>;
  readonly gaps: PartitionGap[];
}

export interface Progress {
  noChanges(): ProgressChanges;
  /** Adds a batch. Changes nothing if it fails, so it can be repeated after an outage. */
  collect(batch: RawBatch, changes: ProgressChanges): Promise<PartitionChange>;
  /** Call it in the transaction that applies the records. @returns the gaps that were not recorded before. */
  record(tx: Queryable, changes: ProgressChanges): Promise<PartitionGap[]>;
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
    noChanges: () => ({ partitions: new Map(), gaps: [] }),

    async collect(batch, { partitions, gaps }) {
      const { topic, partition } = batch;
      const key = partitionKey(batch);
      const started = await start(key, batch);
      const ended = advanceReading(started.state, batch, deps.now());
      lastStates.set(key, ended.state);
      const change = partitions.get(key) ?? {
        ...{ topic, partition, fromOffset: batch.fromOffset },
        ...{ state: ended.state, newestCommitAt: null },
      };
      change.state = ended.state;
      partitions.set(key, change);
      for (const { gap } of [started, ended]) {
        if (gap !== undefined) gaps.push({ topic, partition, ...gap });
      }
      return change;
    },

    async record(tx, { partitions, gaps }) {
      await resetProgress(
        tx,
        gaps.filter(({ kind }) => kind === 'another_topic'),
      );
      const changes = [...partitions.values()];
      const reached = await recordProgress(
        tx,
        changes.map(({ state, ...partition }) => ({
          ...partition,
          nextOffset: state.nextOffset,
          previousOffset: state.previous?.nextOffset,
          lastRecordAt: (state.previous ?? state).lastRecordAt,
        })),
      );
      return recordGaps(tx, [...gaps, ...rolledBack(changes, gaps, reached)]);
    },
  };
}

/**
 * What this process has applied but the database does not have any more: it was restored to an earlier point meanwhile. A
 * partition that has a gap in this transaction did not continue.
 *
 * @param reached below which offset each partition was read by the database
 */
function rolledBack(
  changes: readonly PartitionChange[],
  gaps: readonly PartitionGap[],
  reached: ReadonlyMap<string, bigint>,
): PartitionGap[] {
  const interrupted = new Set(gaps.map(partitionKey));
  return changes.flatMap((change) => {
    const { topic, partition, fromOffset: toOffset } = change;
    const key = partitionKey(change);
    const fromOffset = reached.get(key) ?? 0n;
    if (interrupted.has(key) || fromOffset >= toOffset) return [];
    return [{ topic, partition, kind: 'skipped', fromOffset, toOffset }];
  });
}
