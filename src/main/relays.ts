import { type RelayLoop, startRelayLoop } from '../pipelines/relay-loop.ts';
import type { CommandContext } from './process.ts';

const EVERY_MS = 2_000;

/** Publishes what is in the outboxes while the command does its own work. */
export function relayInBackground({ log }: CommandContext, relays: readonly (() => Promise<unknown>)[]): RelayLoop {
  return startRelayLoop(relays, EVERY_MS, (error) =>
    log.warn({ event: 'relay_failed', error: error.message }, 'relay failed; it is tried again'),
  );
}
