import { setTimeout as sleep } from 'node:timers/promises';
import { LastseenError } from './errors.ts';

/** Waits. Resolves with false, at once, when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

export interface OutagePolicy {
  readonly isOutage: (error: unknown) => boolean;
  readonly onOutage?: ((error: Error, waitMs: number) => void) | undefined;
  /** Called when the work succeeds after outages, with the last of their errors. */
  readonly onEnded?: ((error: Error) => void) | undefined;
  /** Once it is aborted, outages are not waited for: their errors are thrown. */
  readonly signal: AbortSignal;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 15_000;

/** Repeats the work until it succeeds or fails for another reason than an outage, with exponential backoff and jitter. */
export async function retryOutages<T>(work: () => Promise<T>, policy: OutagePolicy): Promise<T> {
  let lastError: Error | undefined;
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await work();
      if (lastError !== undefined) policy.onEnded?.(lastError);
      return result;
    } catch (error) {
      if (policy.signal.aborted || !policy.isOutage(error)) throw error;
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
      const waitMs = Math.round(longest * (0.5 + Math.random() / 2));
      lastError = error as Error;
      policy.onOutage?.(lastError, waitMs);
      if (!(await pause(waitMs, policy.signal))) throw error;
    }
  }
}

/** Retries a transaction on serialization failures and deadlocks. The work must not depend on rows read before it. */
export async function retryOnConflict<T>(work: () => Promise<T>, retriesLeft = 5): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const conflict = error instanceof LastseenError && error.code === 'postgres_conflict';
    if (!conflict || retriesLeft === 0) throw error;
    return await retryOnConflict(work, retriesLeft - 1);
  }
}

/**
 * Does `work` for all items at once. If it fails because of an item, each half is tried separately, and so on, until each
 * bad item is isolated and reported to `failed`; all other items are done. Other errors are thrown; items done until then
 * stay done, so `work` must be safe to repeat.
 *
 * @param blame one line on what is wrong with an item; `undefined` if the error was not caused by an item
 */
export async function isolateFailures<T>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<void>,
  blame: (error: unknown) => string | undefined,
  failed: (item: T, why: string) => void,
): Promise<void> {
  if (items.length === 0) return;
  try {
    return await work(items);
  } catch (error) {
    const why = blame(error);
    if (why === undefined) throw error;
    const [only] = items;
    if (items.length === 1 && only !== undefined) return failed(only, why);
  }
  const middle = Math.ceil(items.length / 2);
  await isolateFailures(items.slice(0, middle), work, blame, failed);
  await isolateFailures(items.slice(middle), work, blame, failed);
}
