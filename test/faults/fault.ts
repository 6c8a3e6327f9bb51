import type { Harness } from './harness.ts';

/** What one injection of a fault came to, once all was well again or the waiting was given up. */
export interface Outcome {
  /** Records that were in flight: rows written at the sources, or events. */
  readonly records: number;
  /** What should be in the tables or topics and is not. */
  readonly lost: number;
  /** What is there and should not be, or says something else than it should. */
  readonly wrong: number;
  /** Events that a reader who keeps the ids it has seen passes over. */
  readonly duplicates: number;
  /** From the end of the fault until everything was right. */
  readonly recoveryMs: number;
}

/** One kind of fault. `S` is what the faults of its stage share: a world, and what runs in it. */
export interface Fault<S> {
  readonly name: string;
  /** One line: what is done to whom, and what must come of it. */
  readonly about: string;
  /** Injects it for the n-th time of this opening of the stage, from 0, and waits for the end state. */
  inject(on: S, n: number): Promise<Outcome>;
}

/** Faults that are injected into one world, one after the other. */
export interface Stage<S> {
  readonly name: string;
  /** @param injections how many there will be in all. */
  open(harness: Harness, injections: number): Promise<S>;
  readonly faults: readonly Fault<S>[];
}

/** A stage whose world is its own affair. */
export interface AnyStage {
  readonly faults: readonly { readonly name: string; readonly about: string }[];
  play(harness: Harness, injections: Injections): Promise<void>;
}

interface Injections {
  /** How often each fault is to be injected; those that are not named are left out. */
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
