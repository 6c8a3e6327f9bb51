import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AFTER_ALL_TIME,
  BEFORE_ALL_TIME,
  instantOf,
  toMicros,
  unitByMagnitude,
  unitByName,
} from '../../src/activity/times.ts';

const MICROS = 1_773_637_200_123_456n;

describe('a column with a time', () => {
  it.each([
    ['io.debezium.time.Timestamp', 1_773_637_200_123n, 1_773_637_200_123_000n],
    ['io.debezium.time.MicroTimestamp', MICROS, MICROS],
    ['io.debezium.time.NanoTimestamp', 1_773_637_200_123_456_789n, MICROS],
    ['io.debezium.time.Date', 20_528n, 1_773_619_200_000_000n],
    ['org.apache.kafka.connect.data.Timestamp', 1_773_637_200_123n, 1_773_637_200_123_000n],
    ['org.apache.kafka.connect.data.Date', 20_528n, 1_773_619_200_000_000n],
    ['timestamp-millis', 1_773_637_200_123n, 1_773_637_200_123_000n],
    ['timestamp-micros', MICROS, MICROS],
  ])('has the unit of its schema name %s', (name, count, expected) => {
    const unit = unitByName(name);
    expect(unit === undefined || unit === 'none' ? undefined : toMicros(count, unit)).toBe(expected);
  });

  it.each([
    'io.debezium.time.MicroTime',
    'io.debezium.time.MicroDuration',
    'org.apache.kafka.connect.data.Time',
    'time-micros',
  ])('is not an instant if its schema name is %s, for any magnitude', (name) => {
    expect(unitByName(name)).toBe('none');
  });

  it('has the unit of its magnitude if it has no schema name', () => {
    expect(instantOf(20_528)).toBe(1_773_619_200_000_000n);
    expect(instantOf(1_773_637_200_123)).toBe(1_773_637_200_123_000n);
    expect(instantOf(1_773_637_200_123_456)).toBe(MICROS);
    expect(unitByMagnitude(1_773_637_200_123_456_789n)).toBe('ns');
  });

  it('has one possible unit by its magnitude from 2000 to 2286', () => {
    const micros = fc.bigInt({ min: 946_684_800_000_000n, max: 9_999_999_999_999_999n });
    fc.assert(
      fc.property(micros, (us) => {
        expect(unitByMagnitude(us)).toBe('us');
        expect(unitByMagnitude(us / 1000n)).toBe('ms');
        expect(unitByMagnitude(us * 1000n)).toBe('ns');
        expect(unitByMagnitude(us / 86_400_000_000n)).toBe('days');
      }),
    );
  });

  it.each([0, -1, 42, 1_773_637_200, 1.5e12 + 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2e13])(
    'is not guessed from %d',
    (value) => {
      expect(instantOf(value)).toBeUndefined();
    },
  );

  it('rounds nanoseconds down, also before 1970', () => {
    expect(toMicros(-1n, 'ns')).toBe(-1n);
    expect(toMicros(-1000n, 'ns')).toBe(-1n);
    expect(toMicros(-1001n, 'ns')).toBe(-2n);
    expect(toMicros(1999n, 'ns')).toBe(1n);
  });

  it('is exact beyond 2^53', () => {
    expect(toMicros(9_007_199_254_740_993_001n, 'ns')).toBe(9_007_199_254_740_993n);
  });

  it('reads infinity as an instant after all others', () => {
    expect(instantOf('infinity')).toBe(AFTER_ALL_TIME);
    expect(instantOf('-infinity')).toBe(BEFORE_ALL_TIME);
  });

  it('is not an instant if the value is something else', () => {
    expect(instantOf(true)).toBeUndefined();
    expect(instantOf({ unreadable: 'array' })).toBeUndefined();
    expect(instantOf('soon')).toBeUndefined();
  });
});
