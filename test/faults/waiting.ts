import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 150;

/**
 * Polls until the value is right or the deadline is over, for outcomes that are reported even if they are wrong. `look` may
 * fail in between, as while a server restarts.
 *
 * @returns the last value and the time it took. The caller must check the value.
 */
export async function until<T>(
  look: () => Promise<T>,
  right: (seen: T) => boolean,
  withinMs: number,
): Promise<{ readonly seen: T; readonly ms: number }> {
  const startedAt = performance.now();
  let failure: unknown;
  let seen: { readonly value: T } | undefined;
  do {
    try {
      seen = { value: await look() };
      if (right(seen.value)) break;
    } catch (error) {
      failure = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() - startedAt < withinMs);
  if (seen === undefined) throw failure;
  return { seen: seen.value, ms: Math.round(performance.now() - startedAt) };
}

export { sleep };
