import type { RawRecord } from '../client/records.ts';

/** Records that are not to be read before their time. */
export interface Delay {
  /** Milliseconds since the epoch; undefined: at once. */
  notBeforeMs(topic: string, record: RawRecord): number | undefined;
  nowMs(): number;
}

export interface DueRecords {
  readonly due: readonly RawRecord[];
  /** The first record that is not due, and how long it is not. */
  readonly waiting?: { readonly offset: bigint; readonly waitMs: number };
}

/** What is due of consecutive records: those before the first that is not. */
export function dueRecords(topic: string, records: readonly RawRecord[], delay: Delay): DueRecords {
  const nowMs = delay.nowMs();
  for (const [index, record] of records.entries()) {
    const waitMs = (delay.notBeforeMs(topic, record) ?? nowMs) - nowMs;
    if (waitMs > 0) return { due: records.slice(0, index), waiting: { offset: BigInt(record.offset), waitMs } };
  }
  return { due: records };
}

export interface Pauses {
  /** Resumes the partition in that time; a pause that it has is replaced. */
  hold(key: string, resume: () => void, waitMs: number): void;
  /** Resumes all at once. */
  end(): void;
}

/** A clock that was set meanwhile is noticed after this, and a timer cannot wait for ever. */
const LONGEST_PAUSE_MS = 60_000;

/** Partitions that nothing is fetched from until their next record is due. A timer each, and no record, is kept. */
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
