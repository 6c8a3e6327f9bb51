import { constants } from 'node:os';
import { LastseenError } from '../runtime/errors.ts';

export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The exit code of a command that only a signal ends, as shells report a process that the signal has killed. */
export function exitCodeOf(signal: StopSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * The phases of a shutdown: the process finishes its current work, then abandons what is still in flight, then exits.
 * All work is safe to abandon: the next start does it again.
 */
export interface Shutdown {
  /** Aborted by SIGTERM or SIGINT: finish the current work and return. */
  readonly stopping: AbortSignal;
  /** Aborted after 60 % of `STOP_WITHIN`: abandon what is in flight. */
  readonly graceDeadline: AbortSignal;
  stop(signal: StopSignal): void;
  /** Undefined before {@link stop}. */
  stoppedBy(): StopSignal | undefined;
  /** Starts the deadlines. `stop` calls it; so does a failure that leaves work in flight. */
  startShutdownTimer(): void;
}

/** Share of `STOP_WITHIN` for the work; the rest is for leaving the group and closing connections. */
const GRACE_SHARE = 0.6;

/** @param onDeadline called after all of `STOP_WITHIN`, if the process still runs. */
export function createShutdown(withinMs: number, onDeadline: () => void): Shutdown {
  const stopping = new AbortController();
  const graceDeadline = new AbortController();
  let started = false;
  let stoppedBy: StopSignal | undefined;
  const startShutdownTimer = () => {
    if (started) return;
    started = true;
    const message = 'stopped by a signal, and the work did not finish within STOP_WITHIN; the next start finishes it';
    setTimeout(() => graceDeadline.abort(new LastseenError('interrupted', message)), withinMs * GRACE_SHARE);
    setTimeout(onDeadline, withinMs);
  };
  return {
    stopping: stopping.signal,
    graceDeadline: graceDeadline.signal,
    startShutdownTimer,
    stoppedBy: () => stoppedBy,
    stop(signal) {
      stoppedBy = signal;
      stopping.abort(new LastseenError('stopped', 'stopped by a signal before the work began; nothing was changed'));
      startShutdownTimer();
    },
  };
}
