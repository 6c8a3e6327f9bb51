import type { Instant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import type { Database } from '../../src/postgres/database.ts';
import { loadPopulation } from './generated/population-load.ts';
import { loadOulad } from './oulad.ts';

/**
 * The demo's data, written in two phases, so that every kind of record passes through Debezium: phase 1 before the
 * connector starts (its snapshot reads it), phase 2 while it runs.
 */
export interface LoadPlan {
  /** Where the data comes from, in one line. */
  readonly origin: string;
  /** All learners of the source, including those who never started. */
  readonly learners: number;
  /** Rows of each source after phase 2. */
  readonly rows: Readonly<Record<Source, number>>;
  /** Records that each topic must hold after phase 2. */
  readonly records: Readonly<Record<Source, RecordCounts>>;
  phase1(report: Report): Promise<void>;
  phase2(report: Report): Promise<void>;
}

/** Change records of one topic by Debezium's operation. */
export interface RecordCounts {
  readonly snapshot: number;
  readonly created: number;
  readonly updated: number;
  /** Rows deleted: each makes two records, the delete and its tombstone. */
  readonly deleted: number;
}

export type Report = (line: string) => void;

export interface LoadRequest {
  readonly asOf: Instant;
  readonly data:
    | { readonly kind: 'generated'; readonly learners: number; readonly days: number; readonly seed: number }
    | { readonly kind: 'oulad'; readonly folder: string };
}

/** Reads or generates all rows dated up to the as-of. The database must hold the platform's tables, empty. */
export function prepareSource(db: Database, request: LoadRequest, report: Report = () => {}): Promise<LoadPlan> {
  const { asOf, data } = request;
  switch (data.kind) {
    case 'generated':
      return loadPopulation(db, { ...data, asOf });
    case 'oulad':
      return loadOulad(db, { ...data, asOf }, report);
  }
}

/** Records that one topic must hold. */
export function recordsOf(counts: RecordCounts): number {
  return counts.snapshot + counts.created + counts.updated + 2 * counts.deleted;
}
