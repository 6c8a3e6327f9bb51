import { totalmem } from 'node:os';
import process from 'node:process';
import type { KafkaClient } from '../kafka/client/client.ts';
import { ConsumerHealth } from '../kafka/consumer/consumer-health.ts';
import { PartitionStates } from '../kafka/consumer/partition-state.ts';
import { countFromZero } from '../observability/initial-counts.ts';
import { addProcessMetrics } from '../observability/metrics.ts';
import { type Sample, startSampling } from '../observability/sampling.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage } from '../runtime/errors.ts';
import { PACKAGE } from '../runtime/package.ts';
import { openKafka, untilGraceDeadline, withProbeDatabases } from './connections.ts';
import type { CommandContext } from './run-command.ts';

/** The state of a running consumer, for probes and samples. */
export interface ConsumerState {
  readonly health: ConsumerHealth;
  readonly partitions: PartitionStates;
  /** Why the consumer has not started yet, such as an outage. */
  blockedBy: string | undefined;
}

export interface SampleSources {
  readonly context: CommandContext;
  readonly state: ConsumerState;
  readonly kafka: KafkaClient;
  /** A connection only for probes and samples: slow queries do not delay the work. */
  readonly database: Database;
  /** The same for the database of the connector's slot. */
  readonly slotDatabase: Database;
}

/** Runs `work`; if HTTP_PORT is set, serves probes and metrics meanwhile. */
export async function withProbes<T>(
  context: CommandContext,
  samplesOf: (sources: SampleSources) => readonly Sample[],
  work: (state: ConsumerState) => Promise<T>,
): Promise<T> {
  const { HTTP_PORT: port, HTTP_HOST: host, KAFKA_SESSION_TIMEOUT } = context.settings;
  const state: ConsumerState = {
    health: new ConsumerHealth(KAFKA_SESSION_TIMEOUT, performance.now()),
    partitions: new PartitionStates(),
    blockedBy: undefined,
  };
  if (port === undefined) return work(state);
  // Loaded on demand: most commands serve no probes.
  const { serveProbes } = await import('../observability/probe-server.ts');
  return withProbeDatabases(context, async (database, slotDatabase) => {
    const samples = samplesOf({ context, state, kafka: openKafka(context), database, slotDatabase });
    const sampling = startSampling(context, samples);
    const probes = await serveProbes({ host, port }, processState(context, state, database, sampling.show));
    context.log.info({ event: 'http_listening', address: probes.address }, 'serving probes and metrics');
    return work(state).finally(() => untilGraceDeadline(context, probes.close()));
  });
}

function processState(context: CommandContext, state: ConsumerState, database: Database, show: () => void) {
  const { metrics, stopping } = context;
  const { health } = state;
  addProcessMetrics(metrics);
  countFromZero(metrics);
  // Without a container limit, constrainedMemory() may return more than the machine has.
  metrics.memoryLimitBytes.set({}, Math.min(process.constrainedMemory() || totalmem(), totalmem()));
  metrics.buildInfo.set({ version: PACKAGE.version, command: context.command }, 1);
  return {
    whyDead: () => health.whyDead(performance.now()),
    async whyNotReady() {
      const reasons = stopping.aborted ? ['the process is stopping'] : [];
      if (state.blockedBy !== undefined) reasons.push(state.blockedBy);
      if (!health.isMember(performance.now())) reasons.push('not a member of the consumer group');
      await database.query({ text: 'SELECT' }).catch((error) => reasons.push(safeMessage(error)));
      return reasons;
    },
    async metrics() {
      metrics.groupMember.set({}, health.isMember(performance.now()) ? 1 : 0);
      show();
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
  };
}
