import { notePlace } from '../../runtime/errors.ts';
import { retryOutages } from '../../runtime/retries.ts';
import { describeRange, type OffsetRange, type Position, partitionKey, type RawBatch } from '../client/records.ts';
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
  /**
   * The size of an accumulation at which it is applied as soon as no other one is. It bounds memory: an accumulation is
   * never larger than twice this size and one batch.
   */
  readonly maxRows: number;
}

export interface StageRunnerOptions<A> {
  readonly queue: BatchQueue;
  readonly stages: Stages<A>;
  readonly limits: StageLimits;
  readonly isOutage: (error: unknown) => boolean;
  readonly onOutage?: (error: Error, waitMs: number) => void;
  readonly onOutageEnded?: ((error: Error) => void) | undefined;
  /** Commits the offsets of what is durable. */
  readonly commit: (positions: readonly Position[]) => Promise<void>;
  /** Called in each turn of the loop, except while an attempt to apply is in flight. */
  readonly onTurn?: () => void;
}

interface Accumulation<A> {
  readonly into: A;
  /** By partition. The newest batch does not have the highest offset if the partition is read again. */
  readonly newest: Map<string, OffsetRange & Pick<RawBatch, 'isBehind'>>;
  readonly sinceMs: number;
}

const IDLE_WAIT_MS = 1_000;

/**
 * Collects from the queue, with at most one apply in flight beside it. An accumulation is closed if it is old or large
 * enough and no apply is in flight. Above twice `maxRows`, collecting waits.
 */
export class StageRunner<A> {
  /** Resolves after `finish`; rejects with the failure. */
  readonly done: Promise<void>;
  readonly #options: StageRunnerOptions<A>;
  /** A stop does not wait for the end of an outage: the next process reads again what is not applied. */
  readonly #impatience = new AbortController();
  #open: Accumulation<A> | undefined;
  #applying: Promise<void> | undefined;
  #isFinishing = false;
  #failure: Error | undefined;

  constructor(options: StageRunnerOptions<A>) {
    this.#options = options;
    this.done = this.#run().catch(async (error) => {
      this.fail(error as Error);
      await this.#applying;
      throw error;
    });
  }

  /** Applies and commits what is queued, then ends. */
  finish(): Promise<void> {
    this.#isFinishing = true;
    this.#impatience.abort();
    this.#options.queue.wake();
    return this.done.catch(() => {});
  }

  /** Ends with this error. Records that were not applied will be read again. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#impatience.abort();
    this.#options.queue.wake();
  }

  async #run(): Promise<void> {
    const { queue, stages, limits, onTurn } = this.#options;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#applying === undefined) {
        onTurn?.();
        if (this.#open !== undefined && (this.#isFinishing || this.#isDue(this.#open))) this.#apply(this.#open);
      } else if (this.#open !== undefined && stages.size(this.#open.into) >= 2 * limits.maxRows) {
        await this.#applying;
        continue;
      }
      const batch = await queue.next(this.#waitMs());
      if (this.#failure !== undefined) throw this.#failure;
      if (batch !== undefined) await this.#collect(batch);
      else if (this.#isFinishing && this.#applying !== undefined) await this.#applying;
      else if (this.#isFinishing && this.#open === undefined) return;
    }
  }

  async #collect(batch: RawBatch): Promise<void> {
    const { stages } = this.#options;
    this.#open ??= { into: stages.open(), newest: new Map(), sinceMs: performance.now() };
    const { into, newest } = this.#open;
    await this.#retry(() => stages.collect(batch, into)).catch(failAt([batch]));
    const { topic, partition, nextOffset, isBehind = false } = batch;
    const fromOffset = newest.get(partitionKey(batch))?.fromOffset ?? batch.fromOffset;
    newest.set(partitionKey(batch), { topic, partition, fromOffset, nextOffset, isBehind });
  }

  #apply({ into, newest }: Accumulation<A>): void {
    const { stages, commit, queue } = this.#options;
    this.#open = undefined;
    const ranges = [...newest.values()];
    const positions = ranges.map(({ topic, partition, nextOffset }) => ({ topic, partition, nextOffset }));
    this.#applying = this.#retry(() => stages.apply(into, positions))
      .catch(failAt(ranges))
      .then(() => commit(positions))
      .catch((error) => this.fail(error))
      .finally(() => {
        this.#applying = undefined;
        // A full accumulation can be applied at once.
        queue.wake();
      });
  }

  #retry(work: () => Promise<void>): Promise<void> {
    const { isOutage, onOutage, onOutageEnded: onEnded } = this.#options;
    return retryOutages(work, { isOutage, onOutage, onEnded, signal: this.#impatience.signal });
  }

  #isDue(open: Accumulation<A>): boolean {
    const { stages, limits } = this.#options;
    return this.#delayLeftMs(open) <= 0 || stages.size(open.into) >= limits.maxRows;
  }

  #delayLeftMs({ sinceMs, newest }: Accumulation<A>): number {
    const { maxDelayMs, maxDelayBehindMs } = this.#options.limits;
    const isBehind = [...newest.values()].some((batch) => batch.isBehind);
    return sinceMs + (isBehind ? maxDelayBehindMs : maxDelayMs) - performance.now();
  }

  #waitMs(): number {
    if (this.#isFinishing) return 0;
    if (this.#open === undefined || this.#applying !== undefined) return IDLE_WAIT_MS;
    return Math.max(0, this.#delayLeftMs(this.#open));
  }
}

/** Throws the error with the records that it is about. */
function failAt(ranges: readonly OffsetRange[]): (error: unknown) => never {
  return (error) => {
    notePlace(error, ranges.map(describeRange).join(', '));
    throw error;
  };
}
