import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { type BacktestFlags, backtestPlan, isBacktest } from '../../src/backtest/plan.ts';
import { readConfiguration } from '../../src/config/configuration.ts';

const { settings } = readConfiguration({}, {}, [], () => '');
const NOW = parseInstant('2026-03-16T12:00:00Z') as bigint;
const plan = (flags: BacktestFlags & { readonly rebuild?: true }) => backtestPlan(settings, NOW, flags);

describe('the flags of a backtest', () => {
  it('give one sweep per day from the first to the last date', () => {
    const firstAsOf = parseInstant('2026-03-01T05:00:00Z');
    expect(plan({ sweepFrom: '2026-03-01', sweepTo: '2026-03-10' })).toMatchObject({ firstAsOf, days: 10 });
    expect(plan({ sweepFrom: '2026-03-01' })).toMatchObject({ firstAsOf, days: 1 });
  });

  it.each<readonly [string, Parameters<typeof plan>[0]]>([
    ['--sweep-to needs --sweep-from', { sweepTo: '2026-03-01' }],
    ['--sweep-to must not be before --sweep-from', { sweepFrom: '2026-03-02', sweepTo: '2026-03-01' }],
    ['--sweep-to must not be in the future', { sweepFrom: '2026-03-17' }],
    ['--out and --out-topic are both given', { sweepFrom: '2026-03-01', out: 'f', outTopic: 't' }],
    ['--rebuild cannot be combined with --sweep-from', { sweepFrom: '2026-03-01', rebuild: true }],
  ])('are refused: %s', (message, flags) => {
    expect(() => plan(flags)).toThrow(message);
  });

  it('are refused in another replay', () => {
    expect(isBacktest({ sweepFrom: '2026-03-01', outTopic: 't' })).toBe(true);
    expect(isBacktest({})).toBe(false);
    expect(() => isBacktest({ outTopic: 't' })).toThrow('--out-topic needs --sweep-from');
  });
});
