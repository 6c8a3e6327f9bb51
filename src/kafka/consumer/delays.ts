import type { RawRecord } from '../client/records.ts';

/** When records are due. */
export interface Delay {
  /** Milliseconds since the epoch; undefined: due at once. */
  notBeforeMs(topic: string, record: RawRecord): number | undefined;
  nowMs(): number;
}

export interface DueRecords {
  readonly due: readonly RawRecord[];
  /** The first record that is not due, and the time until it is. */
  readonly waiting?: { readonly offset: bigint; readonly waitMs: number };
}

/** The due records of a batch: those before the first that is not due. */
export function dueRecords(topic: string, records: readonly RawRecord[], delay: Delay): DueRecords {
  const nowMs = delay.nowMs();
  for (const [index, record] of records.entries()) {
    const waitMs = (delay.notBeforeMs(topic, record) ?? nowMs) - nowMs;
    if (waitMs > 0) return { due: records.slice(0, index), waiting: { offset: BigInt(record.offset), waitMs } };
  }
  return { due: records };
}
