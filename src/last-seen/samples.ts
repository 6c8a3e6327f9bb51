import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { openGaps } from './gaps-store.ts';
import { countOpenLetters } from './letters-store.ts';

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

export function letterSample(metrics: Metrics, database: Queryable, topics: readonly string[]): Sample {
  return {
    name: 'letters',
    forget: () => metrics.lettersOpen.reset(),
    async take() {
      const open = await countOpenLetters(database, topics);
      return () => {
        for (const topic of topics) {
          const { letters = 0n, unreadable = 0n } = open.find((each) => each.topic === topic) ?? {};
          metrics.lettersOpen.set({ topic, learner: 'readable' }, Number(letters - unreadable));
          metrics.lettersOpen.set({ topic, learner: 'unreadable' }, Number(unreadable));
        }
      };
    },
  };
}
