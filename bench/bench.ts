import type { Harness } from './harness.ts';

/** What one run of one side measured, by the figure's name; units are part of the names. */
export type Figures = Readonly<Record<string, number>>;

/** A program that is measured against others at the same work. */
export interface Side {
  readonly name: string;
  /** Why it cannot run on this machine. It is then left out, with a note. */
  readonly missing?: (() => Promise<string | undefined>) | undefined;
  /** Runs once, before the first round. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Does all the work from the start, with nothing left of the previous run. Throws if the result is wrong. */
  run(round: number): Promise<Figures>;
  /** Runs after the last round: the query plans of the measured statements. */
  readonly plans?: () => Promise<Plans>;
}

/** One line per plan, by the statement's name. */
export type Plans = Readonly<Record<string, string>>;

/** A figure of one side. */
interface SideFigure {
  readonly side: string;
  readonly figure: string;
}

interface Judged {
  /** The name in the results, e.g. `track.small/kafkajs.raw`. */
  readonly key: string;
  /** A median above this limit fails the bench. */
  readonly most?: number;
}

/** The figure of one side divided by that of another, per round. Without a denominator it is the figure itself. */
export interface Ratio extends Judged {
  readonly numerator: SideFigure;
  readonly denominator?: SideFigure;
}

/** The exponent with which a figure grows with another, over the sides: 1 if twice the size takes twice the time. */
export interface Growth extends Judged {
  readonly figure: string;
  readonly over: string;
}

interface BenchOptions {
  readonly records: number;
  readonly learners: number;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** Used unless the command line overrides them. */
  readonly defaults: BenchOptions & { readonly rounds: number };
  /** Each side first has one uncounted run. False if a run is long enough to be its own warm-up. */
  readonly warmUp?: false;
  /** Servers that it needs in addition to Postgres. */
  readonly needs: readonly ('kafka' | 'registry' | 'connect')[];
  /** Other than the defaults of the server. Benches that run together share them. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Loads the data of all rounds, and returns the programs to measure. */
  sides(harness: Harness, options: BenchOptions): Promise<readonly Side[]>;
  readonly ratios: readonly (Ratio | Growth)[];
}
