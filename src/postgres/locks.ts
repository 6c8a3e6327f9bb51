import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';
import type { Database } from './database.ts';

/** The first key of every advisory lock of lastseen: "last" in ASCII. The second key is the lock's number. */
const LOCK_SPACE = 0x6c617374;
const LOCKS = {
  sweep: 1,
  inactivity_relay: 2,
  kpi_relay: 3,
  redrive: 4,
  audit: 5,
  replay: 9,
  backtest: 10,
} as const;

/**
 * Runs `work` while holding a session-level advisory lock on a separate connection: a crash of the process or the loss of
 * the connection releases it.
 *
 * @returns undefined, without running `work`, if another session holds the lock
 */
export function tryWithLock<R>(
  database: Database,
  lock: keyof typeof LOCKS,
  work: () => Promise<R>,
): Promise<R | undefined> {
  return database.session(async (session) => {
    const values = [LOCK_SPACE, LOCKS[lock]];
    const { rows } = await session.query<{ locked: boolean }>({
      text: 'SELECT pg_try_advisory_lock($1, $2) AS locked',
      values,
    });
    if (!single(rows, 'a SELECT without FROM returns one row').locked) return undefined;
    try {
      return await work();
    } finally {
      await session.query({ text: 'SELECT pg_advisory_unlock($1, $2)', values });
    }
  });
}

/**
 * As {@link tryWithLock}.
 *
 * @throws LastseenError `busy` if another session holds the lock
 */
export async function withLock<R>(database: Database, lock: keyof typeof LOCKS, work: () => Promise<R>): Promise<R> {
  const done = await tryWithLock(database, lock, async () => ({ result: await work() }));
  if (done === undefined) throw new LastseenError('busy', `another ${lock} is running; try again after it has ended`);
  return done.result;
}
