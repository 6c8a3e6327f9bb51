import { AsyncLocalStorage } from 'node:async_hooks';
import { LastseenError } from '../runtime/errors.ts';

interface HeldLock {
  readonly name: string;
  /** The lock that was held when this one was taken. */
  readonly outer: HeldLock | undefined;
  lostBecause: string | undefined;
}

const HELD = new AsyncLocalStorage<HeldLock>();

/**
 * Runs work that holds a lock. Once `lose` was called, every statement and every COMMIT of the work fails, on any
 * connection: the lock's connection is another one than those of the work.
 */
export function whileHeld<R>(name: string, work: (lose: (reason: string) => void) => Promise<R>): Promise<R> {
  const held: HeldLock = { name, outer: HELD.getStore(), lostBecause: undefined };
  const lose = (reason: string) => {
    held.lostBecause ??= reason;
  };
  return HELD.run(held, work, lose);
}

/** @throws LastseenError `lock_lost` if the calling work has lost a lock that it took. */
export function requireHeldLocks(): void {
  for (let held = HELD.getStore(); held !== undefined; held = held.outer) {
    if (held.lostBecause === undefined) continue;
    throw new LastseenError(
      'lock_lost',
      `stopped, because the lock of the ${held.name} was lost and another process may have it: ${held.lostBecause}; run it again`,
    );
  }
}
