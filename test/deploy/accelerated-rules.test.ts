import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { acceleratedRules } from '../alerts/accelerated-rules.ts';

const accelerated = (rule: { expr: string; for?: string }) =>
  parse(acceleratedRules(JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', ...rule }] }] }))).groups[0]
    .rules[0];

describe('accelerated rules', () => {
  it('shorten how long a condition must last, days most of all', () => {
    expect(accelerated({ expr: 'x > 0', for: '10m' })).toEqual({ alert: 'A', expr: 'x > 0', for: '10s' });
    expect(accelerated({ expr: 'x > 0', for: '26h' }).for).toBe('15s');
    expect(accelerated({ expr: 'x > 0' }).for).toBeUndefined();
  });

  it('shorten ranges, and keep each longer than the longest pauses', () => {
    expect(accelerated({ expr: 'increase(x[1h]) > 10' }).expr).toBe('increase(x[60s]) > 10');
    expect(accelerated({ expr: 'increase(x[2m]) > 10' }).expr).toBe('increase(x[40s]) > 10');
  });

  it('shorten limits in seconds, and keep limits of timestamps and counts', () => {
    expect(accelerated({ expr: 'max(lag_seconds) > 300' }).expr).toBe('max(lag_seconds) > 5');
    const age = 'time() - max(done_timestamp_seconds) > 26 * 3600';
    expect(accelerated({ expr: age }).expr).toBe(age);
  });
});
