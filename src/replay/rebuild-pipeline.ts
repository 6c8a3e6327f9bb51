import type { Database } from '../postgres/database.ts';
import { type Corrections, correctLastSeen, lockLastSeen } from './rebuild-store.ts';
import { recordsBehindTrack } from './state-store.ts';

export interface SwapDeps {
  readonly database: Database;
  readonly replayId: string;
  /** Milliseconds. */
  readonly now: () => number;
  /** Resolves to false on a stop signal. */
  readonly pause: (ms: number) => Promise<boolean>;
  readonly onWaiting?: (recordsBehind: bigint) => void;
}

/** The table is locked when at most this many records are left, so that `track` waits for a short time only. */
const MAX_RECORDS_BEHIND = 5_000n;
const MAX_LOCK_MS = 10_000;
const LOCKED_POLL_MS = 20;
const RETRY_MS = 1_000;

/**
 * Makes `user_last_seen` equal to the shadow, which is being filled meanwhile. When the shadow has almost reached the
 * progress of `track`, it locks the table: the table then contains exactly the records up to this progress. When the
 * shadow contains them too, every row that differs is corrected and the lock is released. Records beyond this progress
 * that the shadow already contains are applied by `track` next.
 *
 * @returns undefined on a stop signal.
 */
export async function swapInShadow(deps: SwapDeps): Promise<Corrections | undefined> {
  for (;;) {
    const behind = await recordsBehindTrack(deps.database, deps.replayId);
    if (behind <= MAX_RECORDS_BEHIND) {
      const corrections = await trySwap(deps);
      if (corrections !== undefined) return corrections;
    }
    deps.onWaiting?.(behind);
    if (!(await deps.pause(RETRY_MS))) return undefined;
  }
}

/** @returns undefined if the shadow did not reach the progress of `track` in time; the lock is then released. */
function trySwap({ database, replayId, now, pause }: SwapDeps): Promise<Corrections | undefined> {
  return database.transaction(async (tx) => {
    await lockLastSeen(tx);
    const deadline = now() + MAX_LOCK_MS;
    while ((await recordsBehindTrack(tx, replayId)) > 0n) {
      if (now() >= deadline || !(await pause(LOCKED_POLL_MS))) return undefined;
    }
    return correctLastSeen(tx);
  });
}
