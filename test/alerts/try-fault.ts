import { until } from '../faults/waiting.ts';
import type { AlertWorld } from './alert-world.ts';
import type { AlertFault } from './faults.ts';

const FIRES_WITHIN_MS = 90_000;
const RESOLVES_WITHIN_MS = 120_000;

export interface AlertResult {
  readonly fault: string;
  readonly alerts: readonly string[];
  readonly firedAfterMs: number;
  readonly resolvedAfterMs: number;
  /** Other alerts that fired and were allowed to. */
  readonly allowed: readonly string[];
  /** Other alerts that fired and were not allowed to. */
  readonly unexpected: readonly string[];
  readonly failure?: string;
}

/** Injects a fault, waits until its alerts fire, repairs it, and waits until they resolve. */
export async function tryFault(
  alertWorld: AlertWorld,
  { name, fires, mayFire = [], keepFiring = [], inject }: AlertFault,
): Promise<AlertResult> {
  const { firing } = alertWorld.prometheus;
  const unexpected = new Set<string>();
  const seenAllowed = new Set<string>();
  const watch = async () => {
    const now = await firing();
    for (const alert of now)
      if (!fires.includes(alert)) (mayFire.includes(alert) ? seenAllowed : unexpected).add(alert);
    return now;
  };
  const startedAt = performance.now();
  const restore = await inject(alertWorld);
  const fired = await until(watch, (now) => fires.every((alert) => now.has(alert)), FIRES_WITHIN_MS);
  const firedAfterMs = Math.round(performance.now() - startedAt);
  const missing = fires.filter((alert) => !fired.seen.has(alert));
  const restoredAt = performance.now();
  await restore();
  const left = await until(watch, (now) => [...now].every((alert) => keepFiring.includes(alert)), RESOLVES_WITHIN_MS);
  const failure = [
    ...missing.map((alert) => `${alert} did not fire`),
    ...[...left.seen].filter((alert) => !keepFiring.includes(alert)).map((alert) => `${alert} did not resolve`),
  ].join(', ');
  return {
    fault: name,
    alerts: fires,
    firedAfterMs,
    resolvedAfterMs: Math.round(performance.now() - restoredAt),
    allowed: [...seenAllowed],
    unexpected: [...unexpected],
    ...(failure === '' ? {} : { failure }),
  };
}
