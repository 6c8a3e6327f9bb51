import type { Metrics } from '../observability/metrics.ts';
import type { Sample } from '../observability/sampling.ts';
import type { Queryable } from '../postgres/database.ts';
import { readAuditState } from './audit-runs-store.ts';
import { readOwnTableSizes, readRetention } from './retention-store.ts';
import { readSweepState, SWEEP_STATUSES } from './sweep-runs-store.ts';

export function sweepSample(metrics: Metrics, database: Queryable): Sample {
  return {
    name: 'sweeps',
    forget() {
      metrics.sweepCompletedAt.remove({});
      metrics.sweepLearners.reset();
      metrics.sweepRuns.reset();
      metrics.sweepsHeld.remove({});
      metrics.sweepContradictedLearners.remove({});
    },
    async take() {
      const { runs, contradicted, completed } = await readSweepState(database);
      return () => {
        for (const status of SWEEP_STATUSES) metrics.sweepRuns.set({ status }, Number(runs.get(status) ?? 0n));
        metrics.sweepsHeld.set({}, Number(runs.get('held') ?? 0n));
        metrics.sweepContradictedLearners.set({}, Number(contradicted));
        if (completed === undefined) return;
        metrics.sweepCompletedAt.set({}, Number(completed.finishedAt) / 1e6);
        for (const [what, learners] of Object.entries(completed.counts)) {
          metrics.sweepLearners.set({ what }, Number(learners));
        }
      };
    },
  };
}

export function auditSample(metrics: Metrics, database: Queryable): Sample {
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

export function retentionSample(metrics: Metrics, database: Queryable): Sample {
  return {
    name: 'retention',
    forget() {
      metrics.prunedAt.remove({});
      metrics.ownTableBytes.reset();
    },
    async take() {
      const { prunedAt, createdAt } = await readRetention(database);
      const sizes = await readOwnTableSizes(database);
      return () => {
        metrics.prunedAt.set({}, Number(prunedAt ?? createdAt) / 1e6);
        for (const { table, bytes } of sizes) metrics.ownTableBytes.set({ table }, bytes);
      };
    },
  };
}
