import { totalmem } from 'node:os';
import process from 'node:process';
import pkg from '../../package.json' with { type: 'json' };
import type { KafkaClient } from '../kafka/client/client.ts';
import { createVitalSigns, type VitalSigns } from '../kafka/consumer/vital-signs.ts';
import { createWaitingRecords, type WaitingRecords } from '../kafka/consumer/waiting-records.ts';
import { countFromZero } from '../observability/initial-counts.ts';
import { addProcessMetrics } from '../observability/metrics.ts';
import { type Sample, startSampling } from '../observability/sampling.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage } from '../runtime/errors.ts';
import { openKafka, untilShutdownDeadline, withProbeDatabase } from './connections.ts';
import type { CommandContext } from './run-command.ts';

/** The state of a running consumer, for probes and samples. */
export interface Observation {
  readonly vitals: VitalSigns;
  readonly waiting: WaitingRecords;
  /** Why the consumer has not started yet, such as an outage. */
  hindrance: string | undefined;
}

export interface SampleSources {
  readonly context: CommandContext;
  readonly observation: Observation;
  readonly kafka: KafkaClient;
  /** A connection only for probes and samples: slow queries do not delay the work. */
  readonly database: Database;
}

/** Runs `work`; if HTTP_PORT is set, serves probes and metrics meanwhile. */
export async function observed<T>(
  context: CommandContext,
  samplesOf: (sources: SampleSources) => readonly Sample[],
  work: (observation: Observation) => Promise<T>,
): Promise<T> {
  const { HTTP_PORT: port, HTTP_HOST: host, KAFKA_SESSION_TIMEOUT } = context.settings;
  const observation: Observation = {
    vitals: createVitalSigns(KAFKA_SESSION_TIMEOUT, performance.now()),
    waiting: createWaitingRecords(),
    hindrance: undefined,
  };
  if (port === undefined) return work(observation);
  // Loaded on demand: most commands serve no probes.
  const { serveProbes } = await import('../observability/probe-server.ts');
  return withProbeDatabase(context, async (database) => {
    const samples = samplesOf({ context, observation, kafka: openKafka(context), database });
    const sampling = startSampling(context, samples);
    const probes = await serveProbes({ host, port }, answers(context, observation, database, sampling.show));
    context.log.info({ event: 'http_listening', address: probes.address }, 'serving probes and metrics');
    return work(observation).finally(() => untilShutdownDeadline(context, probes.close()));
  });
}

function answers(context: CommandContext, observation: Observation, database: Database, show: () => void) {
  const { metrics, stopping } = context;
  const { vitals } = observation;
  addProcessMetrics(metrics);
  countFromZero(metrics);
  // Without a container limit, constrainedMemory() may return more than the machine has.
  metrics.memoryLimitBytes.set({}, Math.min(process.constrainedMemory() || totalmem(), totalmem()));
  metrics.buildInfo.set({ version: pkg.version, command: context.command }, 1);
  return {
    whyDead: () => vitals.whyDead(performance.now()),
    async whyNotReady() {
      const reasons = stopping.aborted ? ['the process is stopping'] : [];
      if (observation.hindrance !== undefined) reasons.push(observation.hindrance);
      if (!vitals.isMember(performance.now())) reasons.push('not a member of the consumer group');
      await database.query({ text: 'SELECT' }).catch((error) => reasons.push(safeMessage(error)));
      return reasons;
    },
    async metrics() {
      metrics.groupMember.set({}, vitals.isMember(performance.now()) ? 1 : 0);
      show();
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
  };
}

/** Logs and counts each wait for another service. */
export function tellOutage({ log, metrics }: CommandContext): (error: Error, waitMs: number) => void {
  return (error, waitMs) => {
    const { code } = error as { code?: string };
    metrics.outageWaits.inc({ code: code ?? 'unknown' });
    log.warn({ event: 'outage_waiting', code, waitMs, error: safeMessage(error) }, 'waiting for another service');
  };
}
