import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dateOf, dayNumber, formatInstant, parseInstant, startOfIsoWeek } from '../../src/activity/instant.ts';
import { must } from '../../src/runtime/must.ts';

describe('an instant as text', () => {
  it.each([
    ['2026-03-16T05:00:00.123456Z', 1_773_637_200_123_456n],
    ['2026-03-16T05:00:00Z', 1_773_637_200_000_000n],
    ['2026-03-16T05:00:00.1Z', 1_773_637_200_100_000n],
    ['2026-03-16T05:00:00.123456789Z', 1_773_637_200_123_456n],
    ['2026-03-16 05:00:00.123456+00', 1_773_637_200_123_456n],
    ['2026-03-16T07:30:00.123456+02:30', 1_773_637_200_123_456n],
    ['2026-03-16T00:00:00-0500', 1_773_637_200_000_000n],
    ['2026-03-16T05:00', 1_773_637_200_000_000n],
    ['2026-03-16T05:00:00.123456', 1_773_637_200_123_456n],
    ['2026-03-16', 1_773_619_200_000_000n],
    ['2026-03-16Z', 1_773_619_200_000_000n],
    ['1969-12-31T23:59:59.999999Z', -1n],
    ['2024-02-29T24:00:00Z', 1_709_251_200_000_000n],
    ['+10000-01-01T00:00:00Z', 253_402_300_800_000_000n],
    // Debezium's texts for infinity, -infinity and the infinity of a date.
    ['+294247-01-10T04:00:25.2Z', 9_223_372_036_825_200_000n],
    ['-290308-12-21T19:59:27.6Z', -9_223_372_036_832_400_000n],
    ['-5877611-06-21Z', -185_541_640_588_800_000_000n],
  ])('reads %s', (text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '2026-13-01',
    '2026-02-30',
    '2026-03-16T25:00:00Z',
    '2026-03-16T05:60:00Z',
    '0044-03-15 BC',
    '2025-02-29',
    '2100-02-29',
    '2026-00-10',
    '2026-04-31',
    '2026-03-00',
    '2026-03-16T05:00:00.Z',
    '1773637200',
  ])('does not read %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it('is the same to the microsecond after formatting and parsing', () => {
    const instants = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(fc.property(instants, (instant) => parseInstant(formatInstant(instant)) === instant));
  });

  it('is the same with a blank instead of the T, which the other parser reads', () => {
    const part = (digits: number) => fc.stringMatching(new RegExp(`^[0-9]{${digits}}$`));
    const texts = fc
      .tuple(part(4), part(2), part(2), part(2), part(2), part(2), fc.stringMatching(/^([.][0-9]{1,6})?$/))
      .map(([year, month, day, h, m, s, fraction]) => `${year}-${month}-${day}T${h}:${m}:${s}${fraction}Z`);
    const valid = fc
      .bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
      .chain((instant) =>
        fc.integer({ min: 20, max: 27 }).map((length) => `${formatInstant(instant).slice(0, length - 1)}Z`),
      );
    fc.assert(
      fc.property(fc.oneof(texts, valid), (text) => {
        expect(parseInstant(text)).toBe(parseInstant(text.replace('T', ' ')));
      }),
    );
    expect(parseInstant('2026-03-16T05:00:0xZ')).toBeUndefined();
    expect(parseInstant('2026-03-16T05:00:00.12345xZ')).toBeUndefined();
  });

  it('agrees with Date on every day of ten thousand years', () => {
    const days = fc.integer({ min: -719_528, max: 2_932_896 });
    fc.assert(
      fc.property(
        days,
        (day) =>
          parseInstant(new Date(day * 86_400_000).toISOString().slice(-24, -14)) === BigInt(day) * 86_400_000_000n,
      ),
      { numRuns: 2000 },
    );
  });

  it('has a UTC day and an ISO week', () => {
    const sunday = must(parseInstant('2026-03-15T23:59:59.999999Z'), 'the text is an instant');
    expect(dateOf(sunday)).toBe('2026-03-15');
    expect(dayNumber(sunday)).toBe(20_527);
    expect(formatInstant(startOfIsoWeek(sunday))).toBe('2026-03-09T00:00:00.000000Z');
    expect(dayNumber(-1n)).toBe(-1);
  });
});
