import { describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { checkGates, type GateInputs } from '../../src/sweep/gates.ts';

const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const plan: SweepPlan = { asOf: AS_OF, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' };
const silentFor = (micros: Instant): GateInputs['seen'] => ({ userId: 'anna', lastSeenAt: AS_OF - micros });
const days = (count: number) => BigInt(count) * MICROS_PER_DAY;

describe('checkGates', () => {
  it.each([
    ['a microsecond short of 7 days', days(7) - 1n, null, null],
    ['7 days', days(7), 'CROSSED', 7],
    ['a microsecond short of 14 days', days(14) - 1n, 'CROSSED', 7],
    ['14 days, although an episode at 7 was noted', days(14), 'CROSSED', 14],
    ['a microsecond short of the lookback', days(30) - 1n, 'CROSSED', 14],
    ['the lookback itself', days(30), null, null],
    ['no time', 0n, null, null],
    ['a negative time (seen after the as-of)', -1n, null, null],
  ])('decides the phase and threshold of a silence of %s', (_, silent, phase, thresholdDays) => {
    const seen = silentFor(silent);
    const noted = { thresholdDays: 7, lastSeenAt: AS_OF - days(20), notedOn: '2026-03-03', returnedAsOf: null };
    expect(checkGates({ seen, episodes: [noted] }, plan)).toMatchObject({ phase, thresholdDays });
  });

  it.each([
    ['is due again the next day', '2026-03-15', 'daily', 'ONGOING'],
    ['is not due again on the same day', '2026-03-16', 'daily', null],
    ['is not due again the next day if the refresh is off', '2026-03-15', 'off', null],
  ] as const)('decides that a noted episode %s', (_, notedOn, refresh, phase) => {
    const episodes = [{ thresholdDays: 7, lastSeenAt: AS_OF - days(8), notedOn, returnedAsOf: null }];
    const judgement = checkGates({ seen: silentFor(days(8)), episodes }, { ...plan, refresh });
    expect(judgement.phase).toBe(phase);
    expect(judgement.gates.at(-1)).toEqual({ gate: 'due', passed: phase !== null, why: `noted on ${notedOn}` });
  });

  it.each([
    ['unknown', null, null],
    ['a microsecond after the threshold', AS_OF - days(7) + 1n, null],
    ['the threshold', AS_OF - days(7), 'CROSSED'],
  ])('decides for a dead letter whose latest activity is %s', (_, latestActivityAt, phase) => {
    const judgement = checkGates({ seen: silentFor(days(8)), episodes: [], letters: [{ latestActivityAt }] }, plan);
    expect(judgement).toMatchObject({ phase, thresholdDays: 7 });
  });

  it.each([
    ['reopens if its return is up to the as-of', AS_OF, 'CROSSED'],
    ['does not reopen if its return is after the as-of', AS_OF + 1n, null],
  ] as const)('decides that a closed silence to which the learner was set back %s', (_, returnedAsOf, phase) => {
    const episodes = [{ thresholdDays: 7, lastSeenAt: AS_OF - days(8), notedOn: '2026-03-16', returnedAsOf }];
    expect(checkGates({ seen: silentFor(days(8)), episodes }, { ...plan, refresh: 'off' }).phase).toBe(phase);
  });

  it('decides that the empty user_id is no learner', () => {
    const { gates, phase } = checkGates({ seen: { userId: '', lastSeenAt: AS_OF - days(8) }, episodes: [] }, plan);
    expect(phase).toBeNull();
    expect(gates[1]).toMatchObject({ gate: 'named', passed: false });
  });

  it('marks the gates after a failed one as not reached', () => {
    const { gates, phase } = checkGates({ seen: undefined, episodes: [] }, plan);
    expect(phase).toBeNull();
    expect(gates.map(({ passed }) => passed)).toEqual([false, null, null, null, null, null, null]);
  });
});
