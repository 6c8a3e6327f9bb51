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

export interface Pauses {
  /** Resumes the partition after `waitMs`; replaces an earlier pause. */
  hold(key: string, resume: () => void, waitMs: number): void;
  /** Resumes all partitions now. */
  end(): void;
}

/** A longer pause is checked again after this time: the clock may be set, and timers have a maximum. */
const LONGEST_PAUSE_MS = 60_000;

/** Partitions that are not fetched until their next record is due. Only a timer is kept for each, no record. */
export function createPauses(): Pauses {
  const pauses = new Map<string, { readonly timer: NodeJS.Timeout; readonly resume: () => void }>();
  return {
    hold(key, resume, waitMs) {
      clearTimeout(pauses.get(key)?.timer);
      const timer = setTimeout(
        () => {
          pauses.delete(key);
          resume();
        },
        Math.min(waitMs, LONGEST_PAUSE_MS),
      );
      pauses.set(key, { timer, resume });
    },
    end() {
      for (const { timer, resume } of pauses.values()) {
        clearTimeout(timer);
        resume();
      }
      pauses.clear();
    },
  };
}
