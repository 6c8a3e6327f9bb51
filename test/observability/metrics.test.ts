import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';

describe('the metrics', () => {
  it('are absent, not 0, until a value is known', async () => {
    const { registry, slotBehindBytes, sweepsHeld } = createMetrics();
    expect(await registry.metrics()).not.toMatch(/^lastseen_(slot_behind_bytes|sweeps_held) /m);
    slotBehindBytes.set(0);
    sweepsHeld.set(2);
    expect(await registry.metrics()).toMatch(/^lastseen_slot_behind_bytes 0$/m);
    sweepsHeld.remove({});
    expect(await registry.metrics()).not.toMatch(/^lastseen_sweeps_held /m);
  });
});
