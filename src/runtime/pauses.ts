import { setTimeout as sleep } from 'node:timers/promises';

/** A pause for some milliseconds. Resolves with false, at once, if the process is asked to stop. */
export function pauseUnless(stopping: AbortSignal): (ms: number) => Promise<boolean> {
  return (ms) =>
    sleep(ms, true, { signal: stopping }).catch(() => {
      return false;
    });
}
