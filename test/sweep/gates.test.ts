import { describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { type GateInputs, judge } from '../../src/sweep/gates.ts';

const AS_OF = parseInstant('2026-03-16T05:00:00Z') ?? 0n;
const plan: SweepPlan = { asOf: AS_OF, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' };
const silentFor = (micros: Instant): GateInputs['seen'] => ({ userId: 'anna', lastSeenAt: AS_OF - micros });
const days = (count: number) => BigInt(count) * MICROS_PER_DAY;

describe('the gates of a sweep', () => {
  it.each([
    ['a microsecond short of 7 days', days(7) - 1n, null, null],
    ['7 days', days(7), 'CROSSED', 7],
    ['a microsecond short of 14 days', days(14) - 1n, 'CROSSED', 7],
    ['14 days, whatever was noted at 7', days(14), 'CROSSED', 14],
    ['a microsecond short of the lookback', days(30) - 1n, 'CROSSED', 14],
    ['the lookback itself', days(30), null, null],
    ['no time at all', 0n, null, null],
    ['less than none: seen after the as-of', -1n, null, null],
  ])('of one silent for %s', (_, silent, phase, thresholdDays) => {
    const seen = silentFor(silent);
    const noted = { thresholdDays: 7, lastSeenAt: AS_OF - days(20), notedOn: '2026-03-03' };
    expect(judge({ seen, episodes: [noted] }, plan)).toMatchObject({ phase, thresholdDays });
  });

  it.each([
    ['yesterday', '2026-03-15', 'daily', 'ONGOING'],
    ['today', '2026-03-16', 'daily', null],
    ['yesterday, refreshes being off', '2026-03-15', 'off', null],
  ] as const)('of one noted %s', (_, notedOn, refresh, phase) => {
    const episodes = [{ thresholdDays: 7, lastSeenAt: AS_OF - days(8), notedOn }];
    const judgement = judge({ seen: silentFor(days(8)), episodes }, { ...plan, refresh });
    expect(judgement.phase).toBe(phase);
    expect(judgement.gates.at(-1)).toEqual({ gate: 'due', passed: phase !== null, why: `noted on ${notedOn}` });
  });

  it('are not reached after one that is not passed', () => {
    const { gates, phase } = judge({ seen: undefined, episodes: [] }, plan);
    expect(phase).toBeNull();
    expect(gates.map(({ passed }) => passed)).toEqual([false, null, null, null, null, null]);
  });
});
