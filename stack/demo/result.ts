import type { Instant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import type { AtRisk, SilentDay } from './findings.ts';
import type { Comparison, Window } from './proof.ts';
import type { PublishedFigures } from './published.ts';
import type { Timing } from './steps.ts';

/** All results of one run of the demo. The report and the checks depend only on this. */
export interface DemoResult extends Window {
  readonly origin: string;
  readonly variant: readonly string[];
  readonly asOf: Instant;
  readonly learners: number;
  readonly tracked: number;
  readonly sources: Readonly<Record<Source, SourceResult>>;
  readonly sweep: SweepResult;
  /** Events by outcome, as `recompute` counts them. */
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
  /** Records by outcome, as `track` counts them. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface SweepResult {
  readonly active: number;
  readonly inactive: number;
  readonly crossed: number;
  readonly ongoing: number;
  readonly unresolved: number;
  readonly doubtful: number;
  readonly undecidable: number;
  readonly published: number;
  /** Why the sweep was held; undefined if it was not. */
  readonly heldBecause?: string;
}

interface Proof {
  readonly lastSeen: Comparison;
  readonly flagged: Comparison;
  readonly answers: Comparison;
  readonly foreignFigures: Comparison;
  readonly untouchedRows: Comparison;
  /** Events of a second sweep as of the same instant. */
  readonly eventsOfSecondSweep: number;
  readonly replay: { readonly records: number; readonly rowsChanged: number };
  readonly digestBefore: string;
  readonly digestAfter: string;
}
