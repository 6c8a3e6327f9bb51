import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import type { FreshnessView } from './pipeline.ts';
import { readSlotState } from './replication-store.ts';
import { watchFreshness } from './watch-pipeline.ts';

/** Against where the source is now, for what a proof waits for stands still with the connector. */
export function slotSample(metrics: Metrics, database: Queryable, slotName: string): Sample {
  const forget = () => metrics.slotBehindBytes.remove({});
  return {
    name: 'slot',
    forget,
    async take() {
      const slot = await readSlotState(database, slotName);
      return () => {
        if (slot === undefined || slot.walStatus === 'lost') forget();
        else metrics.slotBehindBytes.set({}, Number(slot.behindBytes));
      };
    },
  };
}

/** A proof older than that is none any more. The slot moves once in an `offset.flush.interval.ms`, a minute unless set. */
const FRESH_SECONDS = 180;

/** Unknown is not fresh. */
export function freshnessSample({ metrics, settings, now }: CommandContext, freshness: FreshnessView): Sample {
  const sources = sourceTopics(settings);
  const look = watchFreshness(freshness);
  return {
    name: 'freshness',
    forget() {
      metrics.sourceBehindRecords.reset();
      for (const source of sources.values()) metrics.sourceFresh.set({ source }, 0);
    },
    async take() {
      const state = await look();
      return () => {
        for (const { source, provenAt, behindRecords } of state.sources) {
          const provenSeconds = Number(provenAt ?? 0n) / 1e6;
          const isFresh = Number(now()) / 1e6 - provenSeconds <= FRESH_SECONDS;
          metrics.sourceFresh.set({ source }, isFresh ? 1 : 0);
          if (provenAt !== undefined) metrics.sourceProvenAt.set({ source }, provenSeconds);
          if (behindRecords === undefined) metrics.sourceBehindRecords.remove({ source });
          else metrics.sourceBehindRecords.set({ source }, Number(behindRecords));
        }
      };
    },
  };
}
