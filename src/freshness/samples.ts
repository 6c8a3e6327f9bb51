import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { openBreaks } from './capture-evidence-store.ts';
import type { FreshnessView } from './pipeline.ts';
import { readSlotState } from './replication-store.ts';
import { watchFreshness } from './watch-pipeline.ts';

/** Compares the slot with the current WAL position, which moves even if the connector is stopped. */
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

export function captureSample(metrics: Metrics, database: Queryable): Sample {
  return {
    name: 'capture',
    forget: () => metrics.captureBreaksOpen.remove({}),
    async take() {
      const open = await openBreaks(database);
      return () => metrics.captureBreaksOpen.set({}, open.length);
    },
  };
}

/** An older proof does not count. The slot moves once per `offset.flush.interval.ms`, one minute by default. */
const FRESH_US = 180_000_000n;

/** Unknown is not fresh. */
export function freshnessSample({ metrics, settings, now }: CommandContext, freshness: FreshnessView): Sample {
  const sources = sourceTopics(settings);
  const observe = watchFreshness(freshness);
  return {
    name: 'freshness',
    forget() {
      metrics.sourceBehindRecords.reset();
      metrics.sourceHiddenRecords.reset();
      for (const source of sources.values()) metrics.sourceFresh.set({ source }, 0);
    },
    async take() {
      const states = await observe();
      return () => {
        for (const { source, provenAt, behindRecords, hiddenRecords } of states) {
          const isFresh = provenAt !== undefined && now() - provenAt <= FRESH_US;
          metrics.sourceFresh.set({ source }, isFresh ? 1 : 0);
          if (provenAt !== undefined) metrics.sourceProvenAt.set({ source }, Number(provenAt) / 1e6);
          metrics.sourceHiddenRecords.set({ source }, Number(hiddenRecords));
          if (behindRecords === undefined) metrics.sourceBehindRecords.remove({ source });
          else metrics.sourceBehindRecords.set({ source }, Number(behindRecords));
        }
      };
    },
  };
}
