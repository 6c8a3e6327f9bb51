import { type Change, type ColumnValue, deadLetter, skip } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import { type TimeUnit, toMicros } from '../activity/times.ts';
import { must } from '../runtime/must.ts';

/** The fields of one record that a format's reader found, before they are interpreted. */
export interface Draft {
  /** An envelope's `op`, a flattened row's `__op`. */
  operation: ColumnValue;
  /** A flattened row's `__deleted`: a boolean, or a boolean as text. */
  deleted: ColumnValue;
  /** The row after the change; null or undefined if the record has none. */
  row: Record<string, ColumnValue> | null | undefined;
  /** The source's commit time, in each precision that the record has. */
  commitUs: bigint | null;
  commitMs: bigint | null;
  commitNs: bigint | null;
  /** The connector's clock when it processed the change: the commit time plus the delay of the capture. */
  connectorMs: bigint | null;
}

export type CommitField = 'commitUs' | 'commitMs' | 'commitNs' | 'connectorMs';

export function emptyDraft(): Draft {
  return {
    operation: undefined,
    deleted: undefined,
    row: undefined,
    commitUs: null,
    commitMs: null,
    commitNs: null,
    connectorMs: null,
  };
}

/** The commit time in an envelope's `source` block; `ts_ns` adds nothing to these. */
export const SOURCE_BLOCK: ReadonlyMap<string, CommitField> = new Map([
  ['ts_us', 'commitUs'],
  ['ts_ms', 'commitMs'],
]);

/** The commit time in a flattened row, or the connector's clock if there is none. */
export const FLATTENED_COMMIT: ReadonlyMap<string, CommitField> = new Map([
  ['__source_ts_us', 'commitUs'],
  ['__source_ts_ms', 'commitMs'],
  ['__source_ts_ns', 'commitNs'],
  ['__ts_ms', 'connectorMs'],
]);

/** The change of an envelope, which depends on its operation. */
export function changeOfEnvelope(draft: Draft): Change {
  const effect = effectOf(draft.operation);
  if (effect !== 'row') return effect;
  if (draft.row === null || draft.row === undefined) {
    return deadLetter('decode', 'missing_column', 'no row after the change');
  }
  return { kind: 'row', row: draft.row, committedAt: committedAt(draft) };
}

/** The change of a flattened row. `__op` and `__deleted` are optional: the connector may not add them. */
export function changeOfFlattened(draft: Draft): Change {
  if (draft.deleted === true || draft.deleted === 'true') return skip('delete');
  if (draft.operation !== undefined && draft.operation !== null) {
    const effect = effectOf(draft.operation);
    if (effect !== 'row') return effect;
  }
  return { kind: 'row', row: must(draft.row, 'a flattened record is a row'), committedAt: committedAt(draft) };
}

function effectOf(operation: ColumnValue): Change | 'row' {
  switch (operation) {
    case 'c':
    case 'u':
    case 'r':
      return 'row';
    case 'd':
      return skip('delete');
    case 't':
      return skip('truncate');
    case 'm':
      return skip('message');
    default: {
      const isLetter = typeof operation === 'string' && /^[a-z]$/.test(operation);
      const detail = isLetter ? `operation ${operation}` : 'no operation, or one that is not a letter';
      return deadLetter('decode', 'unknown_operation', detail);
    }
  }
}

const YEAR_10000: Instant = 253_402_300_800_000_000n;

/**
 * Some snapshots write 0, which is not a commit time: every row would be in its future. A year above 9999 is not one
 * either: it would allow every instant, and Postgres could not store it.
 */
function committedAt({ commitUs, commitMs, commitNs, connectorMs }: Draft): Instant | null {
  const at = commitUs ?? inUnit(commitMs, 'ms') ?? inUnit(commitNs, 'ns') ?? inUnit(connectorMs, 'ms');
  return at !== null && at > 0n && at < YEAR_10000 ? at : null;
}

const inUnit = (count: bigint | null, unit: TimeUnit) => (count === null ? null : toMicros(count, unit));

/** The record has a form that no connector writes, is truncated, or contradicts its schema. */
export function notDecodable(detail: string): FailedRecord {
  return deadLetter('decode', 'not_decodable', detail);
}

export function unknownSchema(id: number): FailedRecord {
  return deadLetter('decode', 'unknown_schema', `the registry does not know schema ${id}`);
}

type FailedRecord = ReturnType<typeof deadLetter>;
