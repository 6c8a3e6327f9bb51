import type { Position, RawBatch } from '../client/records.ts';

/**
 * The work of a consumer as stages that overlap: while one accumulation is applied, the next is collected and the one
 * after that is on its way from the broker. `A` is what records are collected into.
 */
export interface Stages<A> {
  /** An empty accumulation. */
  open(): A;
  /** Decodes and folds one batch into the accumulation. Never does I/O beyond the registry. */
  collect(batch: RawBatch, into: A): Promise<void>;
  /**
   * Makes the accumulation durable, in one transaction, together with the positions it reaches. When it resolves the
   * offsets are committed. It may be called again with the same arguments after a retriable error (code `retriable`),
   * so it must be repeatable; any other error ends the consumer. What it has resolved for is not looked at again.
   */
  apply(accumulation: A, positions: readonly Position[]): Promise<void>;
  /** How many rows the accumulation would write: what its bound is measured in. */
  size(accumulation: A): number;
}
