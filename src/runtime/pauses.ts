import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses that end at once, and with false, where it is told to stop. */
export function pauseUnless(stopping: AbortSignal): (ms: number) => Promise<boolean> {
  return (ms) =>
    sleep(ms, true, { signal: stopping }).catch(() => {
      return false;
    });
}
