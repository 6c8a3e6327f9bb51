import { setTimeout as sleep } from 'node:timers/promises';

export interface OutagePolicy {
  readonly isOutage: (error: unknown) => boolean;
  readonly onOutage?: ((error: Error, waitMs: number) => void) | undefined;
  /** Once it is aborted, outages are not waited for: their errors are thrown. */
  readonly impatient: AbortSignal;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 15_000;

/** Repeats the work until it succeeds or fails for another reason than an outage, with exponential backoff and jitter. */
export async function retryOutages<T>(work: () => Promise<T>, policy: OutagePolicy): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (policy.impatient.aborted || !policy.isOutage(error)) throw error;
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
      const waitMs = Math.round(longest * (0.5 + Math.random() / 2));
      policy.onOutage?.(error as Error, waitMs);
      await sleep(waitMs, undefined, { signal: policy.impatient }).catch(() => {});
      if (policy.impatient.aborted) throw error;
    }
  }
}
