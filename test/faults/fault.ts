import type { Harness } from './harness.ts';

/** The result of one injection, after recovery or after the deadline. */
export interface Outcome {
  /** Records that were in flight: rows written at the sources, or events. */
  readonly records: number;
  /** Rows and events that are missing in tables or topics. */
  readonly lost: number;
  /** Rows and events that should not exist, or have wrong values. */
  readonly wrong: number;
  /** Events that an idempotent reader skips by their ids. */
  readonly duplicates: number;
  /** From the end of the fault until everything is right. */
  readonly recoveryMs: number;
}

/** One kind of fault. `S` is the state that the faults of its stage share: a world, and the processes in it. */
export interface Fault<S> {
  readonly name: string;
  /** One line: what is done, and what must result. */
  readonly about: string;
  /** Injects the fault and waits for the end state. `n` counts the injections in this stage from 0. */
  inject(state: S, n: number): Promise<Outcome>;
}

/** Faults that are injected into one world in sequence. */
export interface Stage<S> {
  readonly name: string;
  /** @param injections the total number of injections. */
  open(harness: Harness, injections: number): Promise<S>;
  readonly faults: readonly Fault<S>[];
}

/** A stage without the type of its world. */
export interface AnyStage {
  readonly faults: readonly { readonly name: string; readonly about: string }[];
  play(harness: Harness, injections: Injections): Promise<void>;
}

interface Injections {
  /** Injections per fault; faults without an entry are skipped. */
  readonly times: ReadonlyMap<string, number>;
  starts(fault: string, n: number): void;
  ended(fault: string, outcome: Outcome): void;
}

export function stage<S extends { close(): Promise<void> }>({ open, faults }: Stage<S>): AnyStage {
  return {
    faults,
    async play(harness, injections) {
      const timesOf = (name: string) => injections.times.get(name) ?? 0;
      const total = faults.reduce((sum, { name }) => sum + timesOf(name), 0);
      if (total === 0) return;
      const opened = await open(harness, total);
      try {
        for (const { name, inject } of faults) {
          for (let n = 0; n < timesOf(name); n++) {
            injections.starts(name, n);
            injections.ended(name, await inject(opened, n));
          }
        }
      } finally {
        await opened.close();
      }
    },
  };
}
