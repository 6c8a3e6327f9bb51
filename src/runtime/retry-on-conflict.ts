import { LastseenError } from './errors.ts';

/** Does a transaction again where another writer came between: for work that does not depend on the rows that stand. */
export async function inTurn<T>(work: () => Promise<T>, triesLeft = 5): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const conflict = error instanceof LastseenError && error.code === 'postgres_conflict';
    if (!conflict || triesLeft === 0) throw error;
    return await inTurn(work, triesLeft - 1);
  }
}
