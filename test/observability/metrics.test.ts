import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';

describe('the metrics', () => {
  it('stand in docs/metrics.md, each with its type and labels', async () => {
    const { registry, ...metrics } = createMetrics();
    const described = await Promise.all(Object.values(metrics).map((metric) => metric.get()));
    const labels = Object.values(metrics).map((metric) => (metric as unknown as { labelNames: string[] }).labelNames);
    const documented = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `lastseen_'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(documented.map(([, name, type, of]) => [name, type, of])).toEqual(
      described.map(({ name, type }, index) => [
        `\`${name}\``,
        type,
        (labels[index] ?? []).map((label) => `\`${label}\``).join(', '),
      ]),
    );
  });

  it('are absent until they are known, and not 0', async () => {
    const { registry, slotBehindBytes, sweepsHeld } = createMetrics();
    expect(await registry.metrics()).not.toMatch(/^lastseen_(slot_behind_bytes|sweeps_held) /m);
    slotBehindBytes.set(0);
    sweepsHeld.set(2);
    expect(await registry.metrics()).toMatch(/^lastseen_slot_behind_bytes 0$/m);
    sweepsHeld.remove({});
    expect(await registry.metrics()).not.toMatch(/^lastseen_sweeps_held /m);
  });
});
