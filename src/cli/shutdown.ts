import { LastseenError } from '../runtime/errors.ts';

/**
 * How a process ends: what is in hand is finished, then what is still in flight is given up, then it is over. All that
 * is broken off is safe to break off, and is done again by the next start.
 */
export interface Ending {
  /** Aborted by a signal: finish what is in hand and end. */
  readonly stopping: AbortSignal;
  /** Aborted when that takes too long: wait for nothing any more. */
  readonly givingUp: AbortSignal;
  stop(): void;
  /** The time left to end in begins to run; a stop says it, and whoever fails with something still in flight. */
  begin(): void;
}

/** Of the time there is: the rest is for leaving the group and closing connections. */
const GRACE_SHARE = 0.6;

export function createEnding(withinMs: number, onOverdue: () => void): Ending {
  const stopping = new AbortController();
  const givingUp = new AbortController();
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    setTimeout(() => givingUp.abort(interrupted()), withinMs * GRACE_SHARE);
    setTimeout(onOverdue, withinMs);
  };
  return {
    stopping: stopping.signal,
    givingUp: givingUp.signal,
    begin,
    stop() {
      stopping.abort(new LastseenError('stopped', 'asked to stop before the work had begun'));
      begin();
    },
  };
}

function interrupted(): LastseenError {
  return new LastseenError('interrupted', 'not all could be finished in time; the next start does what is left');
}
