import { describe, expect, it } from 'vitest';
import { formatInstant, parseInstant } from '../../../src/activity/instant.ts';
import { windowOf } from '../../../src/kpi/figures/window.ts';

const at = (text: string) => parseInstant(text) ?? 0n;

describe('W(d, n)', () => {
  it('with whole days runs from the first midnight through the last microsecond', () => {
    const { from, through } = windowOf(at('2026-03-16T05:00:00Z'), 14, 'whole_days');
    expect(formatInstant(from)).toBe('2026-03-03T00:00:00.000000Z');
    expect(formatInstant(through)).toBe('2026-03-16T23:59:59.999999Z');
  });

  it('with last seconds runs from the last second of its first day through that of its last', () => {
    const { from, through } = windowOf(at('2026-03-16T05:00:00Z'), 14, 'last_seconds');
    expect(formatInstant(from)).toBe('2026-03-03T23:59:59.000000Z');
    expect(formatInstant(through)).toBe('2026-03-16T23:59:59.000000Z');
  });

  it('of whole days leaves no instant between neighbours', () => {
    const day = at('2026-03-01T12:00:00Z');
    const recent = windowOf(day, 28, 'whole_days');
    const previous = windowOf(day - 28n * 86_400_000_000n, 28, 'whole_days');
    expect(recent.from - previous.through).toBe(1n);
  });

  it('is the same for every instant of a day, before 1970 too', () => {
    expect(windowOf(at('1969-12-31T23:59:59.999999Z'), 1, 'whole_days')).toEqual(
      windowOf(at('1969-12-31'), 1, 'whole_days'),
    );
    expect(windowOf(at('1969-12-31'), 1, 'whole_days').through).toBe(-1n);
  });
});
