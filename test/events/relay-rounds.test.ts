import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../src/cli/run-command.ts';
import { relayUntil } from '../../src/events/relay-pipeline.ts';
import { relayWhile } from '../../src/events/wiring.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { LastseenError } from '../../src/runtime/errors.ts';

const denied = new LastseenError('kafka_refused', 'cannot write to topic t: Kafka denied access');
const outage = new LastseenError('kafka_unavailable', 'no broker', { retriable: true });

describe('a process that relays', () => {
  it('repeats a refused relay less and less often, without delaying the others', async () => {
    const ending = new AbortController();
    const calls = { refused: 0, away: 0, working: 0 };
    const waits = new Set<number>();
    const relays = [
      async () => {
        calls.refused++;
        throw denied;
      },
      async () => {
        calls.away++;
        throw outage;
      },
      async () => {
        if (++calls.working === 64) ending.abort();
        return 0;
      },
    ];
    await relayUntil(ending.signal, relays, { failed: (error, waitMs) => error === denied && waits.add(waitMs) }, 1);
    // In rounds 0, 1, 3, 7, 15, 31 and 61.
    expect(calls).toEqual({ refused: 7, away: 64, working: 64 });
    expect([...waits]).toEqual([1, 2, 4, 8, 16, 30]);
  });

  it('reports what fails by its code, a refusal as an error and an outage together with others', async () => {
    const metrics = createMetrics();
    const lines: unknown[] = [];
    const log = {
      error: ({ code }: { code: string }) => lines.push(['error', code]),
    };
    const never = new AbortController().signal;
    const outages = { failed: (code: string) => lines.push(['outage', code]), answered: () => {} };
    const context = { log, outages, metrics, stopping: never, graceDeadline: never } as unknown as CommandContext;
    const failing = (error: Error) => async () => {
      throw error;
    };
    const own = async () => 0;
    const work = () => new Promise((resolve) => setTimeout(resolve, 10));
    await relayWhile(context, own, [failing(denied), failing(outage), failing(new Error('a bug'))], work);
    expect(lines).toEqual([
      ['error', 'kafka_refused'],
      ['outage', 'kafka_unavailable'],
      ['error', 'unknown'],
    ]);
    expect(await metrics.registry.metrics()).toMatch(/^lastseen_relay_failures_total{code="kafka_refused"} 1$/m);
  });
});
