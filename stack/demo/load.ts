import type { Instant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import type { Database } from '../../src/postgres/database.ts';
import { loadOulad } from './oulad.ts';
import { loadPopulation } from './population-load.ts';

/**
 * What the demo's data is and how it arrives: in two phases, so that every kind of record passes through Debezium.
 * Phase 1 comes before the connector (its snapshot reads it), phase 2 while the connector runs.
 */
export interface LoadPlan {
  /** Where the data comes from, in one line for a person. */
  readonly origin: string;
  /** Everybody the source knows, those who never started included. */
  readonly learners: number;
  /** Rows each source holds in the end. */
  readonly rows: Readonly<Record<Source, number>>;
  /** The records each topic must carry in the end. */
  readonly records: Readonly<Record<Source, RecordCounts>>;
  phase1(tell: Tell): Promise<void>;
  phase2(tell: Tell): Promise<void>;
}

/** Change records of one topic by Debezium's operation. */
export interface RecordCounts {
  readonly snapshot: number;
  readonly created: number;
  readonly updated: number;
  /** Rows deleted: each makes two records, the delete and its tombstone. */
  readonly deleted: number;
}

export type Tell = (line: string) => void;

export interface LoadRequest {
  readonly asOf: Instant;
  readonly data:
    | { readonly kind: 'generated'; readonly learners: number; readonly days: number; readonly seed: number }
    | { readonly kind: 'oulad'; readonly folder: string };
}

/** Reads or generates all rows dated up to the as-of. The database must hold the platform's tables, empty. */
export function prepareSource(db: Database, request: LoadRequest, tell: Tell = () => {}): Promise<LoadPlan> {
  const { asOf, data } = request;
  switch (data.kind) {
    case 'generated':
      return loadPopulation(db, { ...data, asOf });
    case 'oulad':
      return loadOulad(db, { ...data, asOf }, tell);
  }
}

/** Records one topic must carry. */
export function recordsOf(counts: RecordCounts): number {
  return counts.snapshot + counts.created + counts.updated + 2 * counts.deleted;
}
