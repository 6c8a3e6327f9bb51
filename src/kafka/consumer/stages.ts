import type { Position, RawBatch } from '../client/records.ts';

/**
 * The work of a consumer as overlapping stages: while one accumulation is applied, the next is collected and the one
 * after it is fetched. `A` is the type of an accumulation.
 */
export interface Stages<A> {
  /** An empty accumulation. */
  open(): A;
  /** Decodes one batch and folds it into the accumulation. It does no I/O except to the registry. */
  collect(batch: RawBatch, into: A): Promise<void>;
  /**
   * Makes the accumulation and the positions that it reaches durable. When it resolves, the offsets are committed.
   * After a retriable error it is called again with the same arguments, so it must be repeatable. Any other error ends
   * the consumer. An applied accumulation is not used again.
   */
  apply(accumulation: A, positions: readonly Position[]): Promise<void>;
  /** The number of rows that the accumulation writes; `maxRows` limits it. */
  size(accumulation: A): number;
}
