import type { EventProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { tryWithLock } from '../postgres/locks.ts';
import { createKpiOutbox } from './kpi-outbox-store.ts';
import { type KpiUpdatedEvent, kpiUpdatedEvent } from './kpi-updated-event.ts';
import { relay } from './relay-pipeline.ts';

export type KpiUpdatedValue = KpiUpdatedEvent['value'];

export interface KpiRelayDeps {
  readonly database: Database;
  readonly producer: Pick<EventProducer, 'send'>;
  readonly topic: string;
  readonly encode: (value: KpiUpdatedValue) => Buffer;
}

/** Publishes what the ledger has not told yet; see `relay`. */
export function createKpiRelay(deps: KpiRelayDeps): () => Promise<number | undefined> {
  return () =>
    relay({
      outbox: createKpiOutbox(deps.database),
      topic: deps.topic,
      encode: (row) => {
        const event = kpiUpdatedEvent(row);
        return { key: event.key, value: deps.encode(event.value), headers: event.headers };
      },
      send: deps.producer.send,
      exclusively: (work) => tryWithLock(deps.database, 'kpi_relay', work),
    });
}
