import { LastseenError } from '../runtime/errors.ts';
import type { Database } from './database.ts';

/** Advisory locks: the first key is ours ("last"), the second says which. */
const LOCK_SPACE = 0x6c617374;
const LOCKS = {
  sweep: 1,
  inactivity_relay: 2,
  kpi_relay: 3,
  redrive: 4,
  audit: 5,
  replay: 9,
  as_if: 10,
} as const;

/**
 * Runs `work` while this session holds the lock, on a connection of its own, so that a crash of the process or of the
 * connection frees it. `undefined`, without running it, where somebody else holds it.
 */
export function holdingLock<R>(
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
    if (rows[0]?.locked !== true) return undefined;
    try {
      return await work();
    } finally {
      await session.query({ text: 'SELECT pg_advisory_unlock($1, $2)', values });
    }
  });
}

/** As {@link holdingLock}, but somebody else's lock is an error (`busy`) that names what runs. */
export async function requiringLock<R>(
  database: Database,
  lock: keyof typeof LOCKS,
  work: () => Promise<R>,
): Promise<R> {
  const done = await holdingLock(database, lock, async () => ({ result: await work() }));
  if (done === undefined) throw new LastseenError('busy', `another ${lock} is running; try again when it has ended`);
  return done.result;
}
