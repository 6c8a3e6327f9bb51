import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { type OutboxName, readOutboxState } from './outbox-state-store.ts';

export function outboxSample(metrics: Metrics, database: Queryable, outbox: OutboxName): Sample {
  return {
    name: `outbox ${outbox}`,
    forget() {
      metrics.outboxWaiting.remove({ outbox });
      metrics.outboxOldestSeconds.remove({ outbox });
    },
    async take() {
      const state = await readOutboxState(database, outbox);
      return () => {
        metrics.outboxWaiting.set({ outbox }, Number(state.waiting));
        metrics.outboxOldestSeconds.set({ outbox }, state.oldestSeconds);
      };
    },
  };
}
