import type { ColumnValue } from './activity.ts';
import { type Instant, MICROS_PER_DAY, MICROS_PER_MS, parseInstant } from './instant.ts';

/** The unit of an integer time since the epoch. */
export type TimeUnit = 'days' | 'ms' | 'us' | 'ns';

/** Postgres' `-infinity` and `infinity`: before and after every instant of a source. */
export const BEFORE_ALL_TIME: Instant = -(2n ** 63n);
export const AFTER_ALL_TIME: Instant = 2n ** 63n - 1n;

const UNIT_BY_NAME: ReadonlyMap<string, TimeUnit> = new Map([
  ['io.debezium.time.Timestamp', 'ms'],
  ['io.debezium.time.MicroTimestamp', 'us'],
  ['io.debezium.time.NanoTimestamp', 'ns'],
  ['io.debezium.time.Date', 'days'],
  ['org.apache.kafka.connect.data.Timestamp', 'ms'],
  ['org.apache.kafka.connect.data.Date', 'days'],
  ['timestamp-millis', 'ms'],
  ['timestamp-micros', 'us'],
  ['timestamp-nanos', 'ns'],
  ['local-timestamp-millis', 'ms'],
  ['local-timestamp-micros', 'us'],
  ['local-timestamp-nanos', 'ns'],
  ['date', 'days'],
]);

const FOREIGN_TIME = /^(io\.debezium\.time\.|org\.apache\.kafka\.connect\.data\.|time-m)/;

/**
 * The unit of an integer by the name of its schema (Connect's, or Avro's logical type). `undefined`: the name is not about
 * time, so the magnitude decides. `none`: the name says that it is not an instant (a time of day, a duration, a decimal),
 * so its magnitude must not be used.
 */
export function unitByName(schemaName: string | undefined): TimeUnit | 'none' | undefined {
  if (schemaName === undefined) return undefined;
  return UNIT_BY_NAME.get(schemaName) ?? (FOREIGN_TIME.test(schemaName) ? 'none' : undefined);
}

/** Whether text of this schema is an instant in UTC, as Debezium writes `timestamptz`. */
export function isZonedTimestamp(schemaName: string | undefined): boolean {
  return schemaName === 'io.debezium.time.ZonedTimestamp';
}

/** Rounds nanoseconds down, so that an instant never moves into the next microsecond. */
export function toMicros(count: bigint, unit: TimeUnit): Instant {
  switch (unit) {
    case 'days':
      return count * MICROS_PER_DAY;
    case 'ms':
      return count * MICROS_PER_MS;
    case 'us':
      return count;
    case 'ns':
      return count >= 0n ? count / 1000n : -((-count + 999n) / 1000n);
  }
}

/**
 * The unit of an integer without one, as in JSON without a schema. From 2000 to 2286 the ranges of days, milliseconds,
 * microseconds and nanoseconds do not overlap. Outside of these ranges the unit is unknown.
 */
export function unitByMagnitude(count: bigint): TimeUnit | undefined {
  if (count >= 10_957n && count < 115_741n) return 'days';
  if (count >= 946_684_800_000n && count < 10_000_000_000_000n) return 'ms';
  if (count >= 946_684_800_000_000n && count < 10_000_000_000_000_000n) return 'us';
  if (count >= 946_684_800_000_000_000n && count < 10_000_000_000_000_000_000n) return 'ns';
  return undefined;
}

/**
 * A column's value as an instant; `undefined` if it is not one. Postgres' `infinity` becomes an instant after all others, so
 * that it exceeds the same limit, with the same reason, as the largest integer that Debezium writes for it.
 */
export function instantOf(value: Exclude<ColumnValue, null | undefined>): Instant | undefined {
  switch (typeof value) {
    case 'bigint':
      return value;
    case 'string':
      if (value === 'infinity') return AFTER_ALL_TIME;
      if (value === '-infinity') return BEFORE_ALL_TIME;
      return parseInstant(value);
    case 'number': {
      if (!Number.isSafeInteger(value)) return undefined;
      const count = BigInt(value);
      const unit = unitByMagnitude(count);
      return unit === undefined ? undefined : toMicros(count, unit);
    }
    case 'boolean':
    case 'object':
      return undefined;
  }
}
