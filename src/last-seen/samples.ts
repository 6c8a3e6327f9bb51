import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { openGaps } from './gaps-store.ts';

export function gapSample(metrics: Metrics, database: Queryable, topics: readonly string[]): Sample {
  return {
    name: 'gaps',
    forget: () => metrics.gapsOpen.reset(),
    async take() {
      const open = await openGaps(database, topics);
      return () => {
        for (const topic of topics) metrics.gapsOpen.set({ topic }, open.filter((gap) => gap.topic === topic).length);
      };
    },
  };
}
