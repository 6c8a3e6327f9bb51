import type { SkipReason } from '../activity/activity.ts';
import type { Change, ColumnValue } from '../activity/change.ts';
import type { Instant } from '../activity/instant.ts';
import { fromUnit, type TimeUnit } from '../activity/times.ts';

/** What a format's reader has found in one record, before anything is concluded from it. */
export interface Draft {
  /** An envelope's `op`, a flattened row's `__op`. */
  operation: ColumnValue;
  /** A flattened row's `__deleted`: a boolean, or its text. */
  deleted: ColumnValue;
  /** The row after the change; null or undefined where the record has none. */
  row: Record<string, ColumnValue> | null | undefined;
  /** The source's own commit time in each precision the record has. */
  commitUs: bigint | null;
  commitMs: bigint | null;
  commitNs: bigint | null;
  /** The connector's clock when it had the change: later than the commit by the capture's delay. */
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

/** Where an envelope's `source` block says when it was committed; `ts_ns` says no more than these. */
export const SOURCE_BLOCK: ReadonlyMap<string, CommitField> = new Map([
  ['ts_us', 'commitUs'],
  ['ts_ms', 'commitMs'],
]);

/** Where a flattened row says so, for want of it when the connector had it. */
export const FLATTENED_COMMIT: ReadonlyMap<string, CommitField> = new Map([
  ['__source_ts_us', 'commitUs'],
  ['__source_ts_ms', 'commitMs'],
  ['__source_ts_ns', 'commitNs'],
  ['__ts_ms', 'connectorMs'],
]);

/** An envelope: what it says of the row depends on its operation. */
export function changeOfEnvelope(draft: Draft): Change {
  const effect = effectOf(draft.operation);
  if (effect !== 'row') return effect;
  if (draft.row === null || draft.row === undefined) {
    return { kind: 'deadLetter', reason: 'missing_column', step: 'decode', detail: 'no row after the change' };
  }
  return { kind: 'row', row: draft.row, committedAt: committedAt(draft) };
}

/** A flattened row: both fields are additions that a connector need not make. */
export function changeOfFlattened(draft: Draft): Change {
  if (draft.deleted === true || draft.deleted === 'true') return skipped('delete');
  if (draft.operation !== undefined && draft.operation !== null) {
    const effect = effectOf(draft.operation);
    if (effect !== 'row') return effect;
  }
  return { kind: 'row', row: draft.row ?? {}, committedAt: committedAt(draft) };
}

function effectOf(operation: ColumnValue): Change | 'row' {
  switch (operation) {
    case 'c':
    case 'u':
    case 'r':
      return 'row';
    case 'd':
      return skipped('delete');
    case 't':
      return skipped('truncate');
    case 'm':
      return skipped('message');
    default: {
      const detail =
        typeof operation !== 'string'
          ? 'no operation'
          : /^[a-z]$/.test(operation)
            ? `operation ${operation}`
            : 'an operation that is no letter';
      return { kind: 'deadLetter', reason: 'unknown_operation', step: 'decode', detail };
    }
  }
}

const YEAR_10000: Instant = 253_402_300_800_000_000n;

/**
 * Some snapshots say 0: that is no commit time, and every row would lie in its future. What no calendar holds is none
 * either: it would allow every instant, and Postgres could not store it.
 */
function committedAt({ commitUs, commitMs, commitNs, connectorMs }: Draft): Instant | null {
  const said = commitUs ?? inUnit(commitMs, 'ms') ?? inUnit(commitNs, 'ns') ?? inUnit(connectorMs, 'ms');
  return said !== null && said > 0n && said < YEAR_10000 ? said : null;
}

const inUnit = (count: bigint | null, unit: TimeUnit) => (count === null ? null : fromUnit(count, unit));

export function skipped(reason: SkipReason): Change {
  return { kind: 'skipped', reason };
}

type DeadLetterChange = Extract<Change, { kind: 'deadLetter' }>;

/** The record has no form that any capture writes, or breaks off, or is not what its schema says. */
export function notDecodable(detail: string): DeadLetterChange {
  return { kind: 'deadLetter', reason: 'not_decodable', step: 'decode', detail };
}

export function unknownSchema(id: number): DeadLetterChange {
  return {
    kind: 'deadLetter',
    reason: 'unknown_schema',
    step: 'decode',
    detail: `the registry does not know schema ${id}`,
  };
}
