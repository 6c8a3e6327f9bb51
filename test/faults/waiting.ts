import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 150;

/**
 * Looks until what is seen is right, or the time is over.
 *
 * @returns what was seen last, and how long it took. Looking may fail on the way, as while a server is coming back.
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
    await sleep(LOOK_EVERY_MS);
  } while (performance.now() - startedAt < withinMs);
  if (seen === undefined) throw failure;
  return { seen: seen.value, ms: Math.round(performance.now() - startedAt) };
}

export { sleep };
