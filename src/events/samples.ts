import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { readOutboxState } from './outbox-store.ts';
import type { OutboxTable } from './outboxes.ts';

export function outboxSample(metrics: Metrics, database: Queryable, outbox: OutboxTable): Sample {
  const label = { outbox: outbox.name };
  return {
    name: `outbox ${outbox.name}`,
    forget() {
      metrics.outboxWaiting.remove(label);
      metrics.outboxOldestSeconds.remove(label);
    },
    async take() {
      const state = await readOutboxState(database, outbox);
      return () => {
        metrics.outboxWaiting.set(label, Number(state.waiting));
        metrics.outboxOldestSeconds.set(label, state.oldestSeconds);
      };
    },
  };
}
