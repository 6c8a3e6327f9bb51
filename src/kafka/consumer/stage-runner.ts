import { retryOutages } from '../../runtime/retries.ts';
import { type Position, partitionKey, type RawBatch } from '../client/records.ts';
import type { BatchQueue } from './batch-queue.ts';
import type { Stages } from './stages.ts';

export interface StageLimits {
  /** The longest wait of a collected record for its transaction to start, if no other transaction is running. */
  readonly maxDelayMs: number;
  /**
   * The same while partitions have more records than were fetched: these records are late anyway, and the more records
   * are folded, the fewer rows are written.
   */
  readonly maxDelayBehindMs: number;
  /** The most rows of one transaction. It also bounds memory. */
  readonly maxRows: number;
}

export interface StageRunnerOptions<A> {
  readonly queue: BatchQueue;
  readonly stages: Stages<A>;
  readonly limits: StageLimits;
  readonly isOutage: (error: unknown) => boolean;
  readonly onOutage?: (error: Error, waitMs: number) => void;
  /** Commits the offsets of what is durable. */
  readonly commit: (positions: readonly Position[]) => Promise<void>;
  /** Called in each turn of the loop, except while an attempt to apply is in flight. */
  readonly onTurn?: () => void;
}

export interface StageRunner {
  /** Resolves after `finish`; rejects with the failure. */
  readonly done: Promise<void>;
  /** Applies and commits what is queued, then ends. */
  finish(): Promise<void>;
  /** Ends with this error. Records that were not applied will be read again. */
  fail(error: Error): void;
}

interface Accumulation<A> {
  readonly into: A;
  /** By partition. The newest batch does not have the highest offset if the partition is read again. */
  readonly newest: Map<string, Position & Pick<RawBatch, 'isBehind'>>;
  readonly sinceMs: number;
}

const IDLE_WAIT_MS = 1_000;

/**
 * Collects from the queue, with at most one apply in flight beside it. An accumulation is closed if it is old or large
 * enough and no apply is in flight. Above twice `maxRows`, collecting waits.
 */
export function runStages<A>(options: StageRunnerOptions<A>): StageRunner {
  const { queue, stages, limits } = options;
  let finishing = false;
  let failure: Error | undefined;
  // A stop does not wait for the end of an outage: the next process reads again what is not applied.
  const ending = new AbortController();
  const outages = { isOutage: options.isOutage, onOutage: options.onOutage, impatient: ending.signal };
  let applying: Promise<void> | undefined;
  let open: Accumulation<A> | undefined;

  const fail = (error: Error) => {
    failure ??= error;
    ending.abort();
    queue.wake();
  };

  const collect = async (batch: RawBatch) => {
    open ??= { into: stages.open(), newest: new Map(), sinceMs: performance.now() };
    const current = open;
    await retryOutages(() => stages.collect(batch, current.into), outages);
    const { topic, partition, nextOffset, isBehind = false } = batch;
    current.newest.set(partitionKey(batch), { topic, partition, nextOffset, isBehind });
  };

  const startApply = () => {
    const closed = open;
    if (closed === undefined) return;
    open = undefined;
    const positions = [...closed.newest.values()].map(({ isBehind: _, ...position }) => position);
    applying = retryOutages(() => stages.apply(closed.into, positions), outages)
      .then(() => options.commit(positions))
      .catch(fail)
      .finally(() => {
        applying = undefined;
        // A full accumulation can be applied at once.
        queue.wake();
      });
  };

  const delayLeft = ({ sinceMs, newest }: Accumulation<A>) => {
    const isBehind = [...newest.values()].some((batch) => batch.isBehind);
    return sinceMs + (isBehind ? limits.maxDelayBehindMs : limits.maxDelayMs) - performance.now();
  };
  const due = (current: Accumulation<A>) => delayLeft(current) <= 0 || stages.size(current.into) >= limits.maxRows;

  const run = async () => {
    for (;;) {
      if (failure !== undefined) throw failure;
      if (applying === undefined) options.onTurn?.();
      if (open !== undefined && applying === undefined && (finishing || due(open))) startApply();
      if (open !== undefined && applying !== undefined && stages.size(open.into) >= 2 * limits.maxRows) {
        await applying;
        continue;
      }
      const batch = await queue.next(waitFor(open, applying !== undefined));
      if (failure !== undefined) throw failure;
      if (batch !== undefined) await collect(batch);
      else if (finishing && applying !== undefined) await applying;
      else if (finishing && open === undefined) return;
    }
  };

  const waitFor = (current: Accumulation<A> | undefined, busy: boolean) => {
    if (finishing) return 0;
    if (current === undefined || busy) return IDLE_WAIT_MS;
    return Math.max(0, delayLeft(current));
  };

  const done = run().catch(async (error) => {
    fail(error as Error);
    await applying;
    throw error;
  });
  return {
    done,
    finish() {
      finishing = true;
      ending.abort();
      queue.wake();
      return done.catch(() => {});
    },
    fail,
  };
}
