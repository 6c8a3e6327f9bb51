import { setTimeout as sleep } from 'node:timers/promises';
import { single } from '../runtime/must.ts';
import type { Database, Lsn } from './database.ts';

/** The database of the source tables, if it may be a replica. */
export interface Replica {
  /** The end of the log of the primary: every commit that is visible there lies before it. */
  primaryPosition(): Promise<Lsn>;
  /** Whether the replica shows all commits before the position. Always true if it is no standby. */
  hasReplayed(position: Lsn): Promise<boolean>;
}

export function createReplica(primary: Database, source: Database): Replica {
  return {
    async primaryPosition() {
      const { rows } = await primary.query<{ lsn: Lsn }>({ text: 'SELECT pg_current_wal_insert_lsn()::text AS lsn' });
      return single(rows, 'a SELECT without FROM returns one row').lsn;
    },
    async hasReplayed(position) {
      const { rows } = await source.query<{ replayed: boolean }>({
        text: 'SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::pg_lsn AS replayed',
        values: [position],
      });
      return single(rows, 'a SELECT without FROM returns one row').replayed;
    },
  };
}

const POLL_MS = 100;

/**
 * Waits until the replica shows all commits before the position. False at the deadline, a value of `performance.now()`, or
 * if `pause` resolves with false.
 */
export async function untilReplayed(
  { hasReplayed }: Pick<Replica, 'hasReplayed'>,
  position: Lsn,
  deadlineMs: number,
  pause: (ms: number) => Promise<boolean> = (ms) => sleep(ms, true),
): Promise<boolean> {
  while (!(await hasReplayed(position))) {
    if (performance.now() >= deadlineMs || !(await pause(POLL_MS))) return false;
  }
  return true;
}
