import type pg from 'pg';
import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';
import type { Database, Session } from './database.ts';
import { translateError } from './failures.ts';
import { whileHeld } from './held-lock.ts';

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
  prune: 11,
} as const;

interface Heartbeat {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

const HEARTBEAT: Heartbeat = { everyMs: 5_000, timeoutMs: 15_000 };

/**
 * Runs `work` while holding a session-level advisory lock on a separate connection: a crash of the process or the loss of
 * the connection releases it. The loss is noticed at once, or by a heartbeat if the network is silent. The statements of
 * `work` then fail with `lock_lost`.
 *
 * @returns undefined, without running `work`, if another session holds the lock
 */
export function tryWithLock<R>(
  database: Database,
  lock: keyof typeof LOCKS,
  work: () => Promise<R>,
  heartbeat = HEARTBEAT,
): Promise<R | undefined> {
  return database.session(async (session) => {
    const values = [LOCK_SPACE, LOCKS[lock]];
    const { rows } = await session.query<{ locked: boolean }>({
      text: 'SELECT pg_try_advisory_lock($1, $2) AS locked',
      values,
    });
    if (!single(rows, 'a SELECT without FROM returns one row').locked) return undefined;
    let isLost = false;
    try {
      return await whileHeld(lock, async (lose) => {
        const watch = watchLock(session, values, heartbeat, (reason) => {
          isLost = true;
          lose(reason);
        });
        return await work().finally(() => watch.stop());
      });
    } finally {
      // The server has released it, or does so when the pool drops the connection.
      if (!isLost) await session.query({ text: 'SELECT pg_advisory_unlock($1, $2)', values });
    }
  });
}

const IS_HELD = `
SELECT FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND classid = $1::int::oid AND objid = $2::int::oid`;

/** Reports, at most once, that the session no longer holds the lock. */
function watchLock(
  { client }: Session,
  values: number[],
  { everyMs, timeoutMs }: Heartbeat,
  onLost: (reason: string) => void,
): { stop(): Promise<void> } {
  const statement: pg.QueryConfig & { readonly query_timeout: number } = {
    text: IS_HELD,
    values,
    query_timeout: timeoutMs,
  };
  let beating: Promise<void> | undefined;
  const beat = async () => {
    try {
      const { rowCount } = await client.query(statement);
      if (rowCount === 0) onLost('its session does not hold it any more');
    } catch (error) {
      onLost(translateError(error).message);
    }
    beating = undefined;
  };
  const timer = setInterval(() => {
    beating ??= beat();
  }, everyMs);
  const onEnd = () => onLost('its connection ended');
  client.once('end', onEnd);
  return {
    async stop() {
      clearInterval(timer);
      await beating;
      client.off('end', onEnd);
    },
  };
}

/**
 * As {@link tryWithLock}.
 *
 * @throws LastseenError `busy` if another session holds the lock, `lock_lost` if this one loses it
 */
export async function withLock<R>(database: Database, lock: keyof typeof LOCKS, work: () => Promise<R>): Promise<R> {
  const done = await tryWithLock(database, lock, async () => ({ result: await work() }));
  if (done === undefined) throw new LastseenError('busy', `another ${lock} is running; try again after it has ended`);
  return done.result;
}
