import type { Instant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import type { AtRisk, SilentDay } from './findings.ts';
import type { Comparison, Window } from './proof.ts';
import type { PublishedFigures } from './published.ts';
import type { Timing } from './steps.ts';

/** Everything one run of the demo found out; what is printed, and whether it passed, follows from this alone. */
export interface DemoResult extends Window {
  readonly origin: string;
  readonly asOf: Instant;
  readonly learners: number;
  readonly tracked: number;
  readonly sources: Readonly<Record<Source, SourceResult>>;
  readonly sweep: SweepResult;
  /** By what became of an event, as `recompute` counts. */
  readonly recompute: Readonly<Record<string, number>>;
  readonly silence: readonly SilentDay[];
  readonly highestRisk: readonly AtRisk[];
  readonly proof: Proof;
  readonly published: PublishedFigures | undefined;
  readonly timings: readonly Timing[];
}

export interface SourceResult {
  readonly rows: number;
  readonly expectedRecords: number;
  readonly deliveredRecords: number;
  /** Records by what became of them, as `track` counts. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface SweepResult {
  readonly active: number;
  readonly inactive: number;
  readonly crossed: number;
  readonly ongoing: number;
  readonly unresolved: number;
  readonly undecidable: number;
  readonly published: number;
  /** Why the run waited for a person before it was approved. */
  readonly heldBecause?: string;
}

interface Proof {
  readonly lastSeen: Comparison;
  readonly flagged: Comparison;
  readonly answers: Comparison;
  readonly foreignFigures: Comparison;
  readonly untouchedRows: Comparison;
  /** Events decided by a second sweep of the same instant. */
  readonly eventsOfSecondSweep: number;
  readonly replay: { readonly records: number; readonly rowsChanged: number };
  readonly digestBefore: string;
  readonly digestAfter: string;
}
