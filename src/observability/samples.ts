import type { Observation } from '../cli/observation.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/topic-names.ts';
import { type OutboxName, readOutboxState } from '../events/outbox-state-store.ts';
import { readSlotState } from '../freshness/replication-store.ts';
import { watchFreshness } from '../freshness/watch-pipeline.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import { readAuditState } from '../history/audit-runs-store.ts';
import { readSweepState, SWEEP_STATUSES } from '../history/sweep-runs-store.ts';
import { groupLag } from '../kafka/admin/admin.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { openGaps } from '../last-seen/gaps-store.ts';
import type { Database } from '../postgres/database.ts';

/** Figures that take a question to Postgres or Kafka: asked now and then, shown at each scrape. */
export interface Sample {
  readonly name: string;
  /** @returns what sets the gauges to what was found. */
  take(): Promise<() => void>;
  /** Sets them to what is said of what is not known. */
  forget(): void;
}

export interface SampleSources {
  readonly context: CommandContext;
  readonly observation: Observation;
  readonly kafka: KafkaClient;
  /** Of the probes alone: what is slow there holds up no work. */
  readonly database: Database;
}

/** Of the partitions that this process owns, so that the sum over all replicas is the group's. */
export function lagSample(
  { context: { metrics }, observation, kafka }: SampleSources,
  groupId: string,
  topics: readonly string[],
): Sample {
  const { vitals, waiting } = observation;
  const forget = () => {
    metrics.lagRecords.reset();
    metrics.lagSeconds.reset();
  };
  return {
    name: 'lag',
    forget,
    async take() {
      const lags = await groupLag(kafka, groupId, topics);
      return () => {
        forget();
        const nowMs = Date.now();
        for (const lag of lags.filter(vitals.owns)) {
          const labels = { topic: lag.topic, partition: String(lag.partition) };
          const oldest = waiting.oldestAtMs(lag);
          metrics.lagRecords.set(labels, Number(lag.records));
          metrics.lagSeconds.set(labels, oldest === undefined ? 0 : Math.max(0, nowMs - oldest) / 1000);
        }
      };
    },
  };
}

export function outboxSample({ context: { metrics }, database }: SampleSources, outbox: OutboxName): Sample {
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

export function sweepSample({ context: { metrics }, database }: SampleSources): Sample {
  return {
    name: 'sweeps',
    forget() {
      metrics.sweepCompletedAt.remove({});
      metrics.sweepLearners.reset();
      metrics.sweepRuns.reset();
      metrics.sweepsHeld.remove({});
    },
    async take() {
      const { runs, completed } = await readSweepState(database);
      return () => {
        for (const status of SWEEP_STATUSES) metrics.sweepRuns.set({ status }, Number(runs.get(status) ?? 0n));
        metrics.sweepsHeld.set({}, Number(runs.get('held') ?? 0n));
        if (completed === undefined) return;
        metrics.sweepCompletedAt.set({}, Number(completed.finishedAt) / 1e6);
        for (const [what, learners] of Object.entries(completed.found)) {
          metrics.sweepLearners.set({ what }, Number(learners ?? 0n));
        }
      };
    },
  };
}

export function gapSample({ context: { metrics, settings }, database }: SampleSources): Sample {
  const topics = [...sourceTopics(settings).keys()];
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

export function auditSample({ context: { metrics }, database }: SampleSources): Sample {
  return {
    name: 'audits',
    forget() {
      metrics.auditFinishedAt.remove({});
      metrics.auditDriftingLearners.remove({});
    },
    async take() {
      const state = await readAuditState(database);
      return () => {
        if (state === null) return;
        metrics.auditFinishedAt.set({}, Number(state.finishedAt) / 1e6);
        metrics.auditDriftingLearners.set({}, Number(state.drifting));
      };
    },
  };
}

/** Against where the source is now, for what a proof waits for stands still with the connector. */
export function slotSample({ context: { metrics, settings }, database }: SampleSources): Sample {
  const forget = () => metrics.slotBehindBytes.remove({});
  return {
    name: 'slot',
    forget,
    async take() {
      const slot = await readSlotState(database, settings.REPLICATION_SLOT ?? settings.TOPIC_PREFIX);
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
export function freshnessSample({ context, kafka, database }: SampleSources): Sample {
  const { metrics, settings, now } = context;
  const sources = sourceTopics(settings);
  const look = watchFreshness(freshnessDeps(context, database, kafka));
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
