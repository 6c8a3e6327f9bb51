import { LastseenError } from './errors.ts';

/** Retries a transaction on serialization failures and deadlocks. The work must not depend on rows read before it. */
export async function inTurn<T>(work: () => Promise<T>, triesLeft = 5): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const conflict = error instanceof LastseenError && error.code === 'postgres_conflict';
    if (!conflict || triesLeft === 0) throw error;
    return await inTurn(work, triesLeft - 1);
  }
}
