import { describe, expect, it } from 'vitest';
import { describeDays } from '../../src/cli/day-flags.ts';

describe('a day instead of an instant', () => {
  it.each([
    ['sweep --as-of 2026-03-16', ['--as-of 2026-03-16']],
    ['kpi --as-of=2026-03-16 --all', ['--as-of 2026-03-16']],
    ['replay --from 2026-03-15 --to 2026-03-16', ['--from 2026-03-15', '--to 2026-03-16']],
    ['sweep --as-of 2026-03-16T05:00:00Z', []],
    ['replay --sweep-from 2026-03-01 --sweep-to 2026-03-31', []],
    ['replay --from earliest', []],
    ['explain 2026-03-16', []],
    ['sweep --as-of', []],
  ])('is the start of that day in UTC: %s', (line, flags) => {
    const lines = describeDays(line.split(' '));
    expect(lines.map((each) => each.replace(/ is .*/, ''))).toEqual(flags);
    for (const each of lines) expect(each).toMatch(/ is \d{4}-\d\d-\d\d 00:00 UTC/);
  });
});
