import type { ColumnValue } from '../activity/change.ts';
import { fromUnit, unitByMagnitude, unitByName } from '../activity/times.ts';

/** What Debezium writes for a column that was not changed and that Postgres therefore did not send (TOAST). */
export const PLACEHOLDER = '__debezium_unavailable_value';
const PLACEHOLDER_BASE64 = Buffer.from(PLACEHOLDER).toString('base64');

/** An integer column: microseconds where its schema's name, or past 2^53 its size, says what it counts. */
export function integerColumn(count: bigint, schemaName: string | undefined): ColumnValue {
  const unit = unitByName(schemaName);
  if (unit === 'none') return { unreadable: schemaName ?? '' };
  if (unit !== undefined) return fromUnit(count, unit);
  const asNumber = Number(count);
  if (Number.isSafeInteger(asNumber)) return asNumber;
  const guessed = unitByMagnitude(count);
  return guessed === undefined ? asNumber : fromUnit(count, guessed);
}

export function textColumn(text: string): ColumnValue {
  return text === PLACEHOLDER || text === PLACEHOLDER_BASE64 ? undefined : text;
}
