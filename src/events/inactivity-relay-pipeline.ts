import type { EventProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { tryWithLock } from '../postgres/locks.ts';
import { type InactivityEvent, inactivityRecord } from './inactivity-event.ts';
import { createInactivityOutbox } from './inactivity-outbox-store.ts';
import { relay } from './relay-pipeline.ts';

export interface InactivityRelayDeps {
  readonly database: Database;
  readonly producer: Pick<EventProducer, 'send'>;
  readonly topic: string;
  readonly encode: (event: InactivityEvent) => Buffer;
}

/** Publishes decided inactivity events; see `relay`. */
export function createInactivityRelay(deps: InactivityRelayDeps): () => Promise<number | undefined> {
  return () =>
    relay({
      outbox: createInactivityOutbox(deps.database),
      topic: deps.topic,
      encode: (decision) => inactivityRecord(decision, deps.encode),
      send: deps.producer.send,
      exclusively: (work) => tryWithLock(deps.database, 'inactivity_relay', work),
    });
}
