import type { Database } from '../postgres/database.ts';
import { type Corrections, correctLastSeen, lockLastSeen } from './rebuild-store.ts';
import { behindProgress } from './state-store.ts';

export interface TakeOverDeps {
  readonly database: Database;
  readonly replayId: string;
  readonly now: () => number;
  /** False where it was told to stop. */
  readonly pause: (ms: number) => Promise<boolean>;
  readonly onWaiting?: (recordsBehind: bigint) => void;
}

/** So few are read in the time that `track` can be made to wait. */
const FEW = 5_000n;
const LOCKED_AT_MOST_MS = 10_000;
const LOOK_EVERY_MS = 20;
const TRY_EVERY_MS = 1_000;

/**
 * Corrects last seen to what the shadow is, while the shadow is still being filled. `track` goes on until the shadow is
 * nearly level with it; then it waits, at a point where the table holds exactly what its progress says, until the shadow
 * has come to that point, and every row that differs is corrected before it goes on. Whatever the shadow holds beyond
 * that point `track` is about to apply as well.
 *
 * @returns undefined where it was told to stop.
 */
export async function takeOver(deps: TakeOverDeps): Promise<Corrections | undefined> {
  for (;;) {
    const behind = await behindProgress(deps.database, deps.replayId);
    if (behind <= FEW) {
      const corrected = await tryToTakeOver(deps);
      if (corrected !== undefined) return corrected;
    }
    deps.onWaiting?.(behind);
    if (!(await deps.pause(TRY_EVERY_MS))) return undefined;
  }
}

/** Undefined where the shadow did not become level in time: `track` is let go on. */
function tryToTakeOver({ database, replayId, now, pause }: TakeOverDeps): Promise<Corrections | undefined> {
  return database.transaction(async (tx) => {
    await lockLastSeen(tx);
    for (const giveUpAt = now() + LOCKED_AT_MOST_MS; (await behindProgress(tx, replayId)) > 0n; ) {
      if (now() >= giveUpAt || !(await pause(LOOK_EVERY_MS))) return undefined;
    }
    return correctLastSeen(tx);
  });
}
