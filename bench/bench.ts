import type { Harness } from './harness.ts';

/** What one run of one side measured, by the figure's name; units are part of the names. */
export type Figures = Readonly<Record<string, number>>;

/** One of those that do the same work in turns. */
export interface Side {
  readonly name: string;
  /** Why it cannot run here; it is then left out, with a note. */
  readonly missing?: (() => Promise<string | undefined>) | undefined;
  /** Once, before the first round. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Does the whole work anew, with nothing left of the turn before. Throws where the result is not right. */
  run(round: number): Promise<Figures>;
  /** After the last round: how the server carries out what was measured, by the statement's name. */
  readonly plans?: () => Promise<Plans>;
}

/** What is said of them, a line each, by what it is of. */
export type Plans = Readonly<Record<string, string>>;

/** A figure of one side. */
interface SideFigure {
  readonly side: string;
  readonly figure: string;
}

interface Judged {
  /** As it stands in the results, e.g. `track.small/kafkajs.raw`. */
  readonly key: string;
  /** The bar: a median above it fails the bench, once everything is measured. */
  readonly most?: number;
}

/** One side's figure through another's, round by round; without another, the figure as it is. */
export interface Ratio extends Judged {
  readonly of: SideFigure;
  readonly to?: SideFigure;
}

/** The power with which a figure grows over another, from side to side: 1 where twice as many take twice the time. */
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
  /** Where the command line says nothing else. */
  readonly defaults: BenchOptions & { readonly rounds: number };
  /** Each side takes one turn that is not counted, unless a turn is long enough to be its own warm-up. */
  readonly warmUp?: false;
  /** Servers it needs besides Postgres. */
  readonly needs: readonly ('kafka' | 'registry' | 'connect')[];
  /** Brings what all rounds work on, and names who takes turns. */
  sides(harness: Harness, options: BenchOptions): Promise<readonly Side[]>;
  readonly ratios: readonly (Ratio | Growth)[];
}
