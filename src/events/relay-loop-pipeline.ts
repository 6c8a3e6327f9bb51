import { pause } from '../runtime/retries.ts';

export interface RelayLoop {
  /** Ends after the round in hand. */
  stop(): Promise<void>;
}

/**
 * Relays again and again beside other work, so that what a process killed before it published is published by whoever
 * runs next. A failure is told and tried again: what is in an outbox is not lost by waiting.
 */
export function startRelayLoop(
  relays: readonly (() => Promise<unknown>)[],
  everyMs: number,
  onFailure: (error: Error) => void,
): RelayLoop {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      for (const relay of relays) await relay().catch(onFailure);
      await pause(everyMs, stopping.signal);
    }
  };
  const done = run();
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}
