import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, finalLine, progressLine, rateText } from '../../../src/cli/progress/progress-line.ts';

const TEXT = { what: 'lastseen-track', unit: 'records' };
const HALF = { done: 50_000, total: 100_000, elapsedMs: 20_000, perSecond: 2_500, secondsLeft: 20 };
const lineOf = (estimate: Partial<typeof HALF>, width = 120) => progressLine(TEXT, { ...HALF, ...estimate }, width);

describe('a line of progress', () => {
  it('has a bar, percent, counts, rate and time left', () => {
    expect(lineOf({})).toMatch(
      /^lastseen-track {2}█+░+ {2}50 % {2}50,000 of 100,000 records {2}2,500\/s {2}20 s left$/,
    );
  });

  it('keeps the percent and the time left at 40 columns', () => {
    expect(lineOf({}, 39)).toMatch(/^lastseen-track {2}█+░+ {2}50 % {2}20 s left$/);
  });

  it('is never longer than the terminal is wide', () => {
    const number = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 250 }), number, number, fc.option(number), (width, done, total, left) => {
        const estimate = { ...HALF, done, total: Math.max(1, total), secondsLeft: left ?? undefined };
        expect(progressLine(TEXT, estimate, width).length).toBeLessThanOrEqual(width);
        expect(finalLine(TEXT, estimate, width).length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('shows no percentage before the first progress, but the elapsed time', () => {
    const line = lineOf({ done: 0, perSecond: 0, elapsedMs: 75_000 });
    expect(line).toContain('1 min 15 s');
    expect(line).not.toContain('%');
  });

  it.each([
    [1, '<0.1 %'],
    [499, '0.4 %'],
    [9_999, '9.9 %'],
    [10_000, '10 %'],
    [99_999, '99 %'],
    [100_000, '99 %'],
    [150_000, '99 %'],
  ])('of %i records of 100,000 shows %s: neither 0 nor 100 before the end', (done, percent) => {
    expect(lineOf({ done })).toContain(`  ${percent}  `);
  });

  it('says that it is finishing if all is read, and that the time left is unknown if there is no rate', () => {
    expect(lineOf({ done: 100_000, secondsLeft: 0 })).toMatch(/ {2}finishing$/);
    expect(progressLine(TEXT, { ...HALF, perSecond: 0, secondsLeft: undefined }, 120)).toMatch(
      / {2}time left unknown$/,
    );
  });

  it('ends with what was done', () => {
    expect(finalLine(TEXT, { ...HALF, done: 100_000 }, 120)).toBe('lastseen-track  100,000 records in 20 s  5,000/s');
    expect(finalLine(TEXT, HALF, 120)).toContain('50,000 of 100,000 records');
  });
});

it.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3_725, '1 h 2 min'],
  [176_400, '2 d 1 h'],
])('shows %i seconds as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

it.each([
  [2_500.4, '2,500/s'],
  [2.54, '2.5/s'],
  [0.05, '3.0/min'],
])('shows %d per second as %s', (perSecond, text) => {
  expect(rateText(perSecond)).toBe(text);
});
