import type { ColumnValue } from '../activity/activity.ts';
import { toMicros, unitByMagnitude, unitByName } from '../activity/times.ts';

/** Debezium's value for an unchanged TOAST column, which Postgres does not send. */
export const PLACEHOLDER = '__debezium_unavailable_value';
const PLACEHOLDER_BASE64 = Buffer.from(PLACEHOLDER).toString('base64');

/** An integer column: microseconds if its schema's name, or its magnitude beyond 2^53, gives the unit. */
export function integerColumn(count: bigint, schemaName: string | undefined): ColumnValue {
  const unit = unitByName(schemaName);
  if (unit === 'none') return { unreadable: String(schemaName) };
  if (unit !== undefined) return toMicros(count, unit);
  const asNumber = Number(count);
  if (Number.isSafeInteger(asNumber)) return asNumber;
  const guessed = unitByMagnitude(count);
  return guessed === undefined ? asNumber : toMicros(count, guessed);
}

export function textColumn(text: string): ColumnValue {
  return text === PLACEHOLDER || text === PLACEHOLDER_BASE64 ? undefined : text;
}
