import { untilShutdownDeadline } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import type { EventProducer } from '../kafka/client/producer.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Database } from '../postgres/database.ts';
import type { Registry } from '../registry/client.ts';
import { safeMessage } from '../runtime/errors.ts';
import { withAbort } from '../runtime/waiting.ts';
import { inactivityCodec } from './codecs-wiring.ts';
import { createInactivityRelay } from './inactivity-relay-pipeline.ts';
import type { OutboxName } from './outbox-state-store.ts';
import { startRelayLoop } from './relay-loop-pipeline.ts';

const EVERY_MS = 2_000;

type Relay = () => Promise<number | undefined>;

/** Publishes decided inactivity events, as it is configured. */
export async function inactivityRelay(
  { settings, metrics }: CommandContext,
  registry: Registry,
  database: Database,
  producer: EventProducer,
): Promise<Relay> {
  const { encode } = await inactivityCodec(settings, registry);
  const relay = createInactivityRelay({ database, producer, topic: settings.INACTIVITY_TOPIC, encode });
  return countedRelay(metrics, 'inactivity', relay);
}

export function countedRelay(metrics: Metrics, outbox: OutboxName, relay: Relay): Relay {
  return async () => {
    const published = await relay();
    metrics.relayed.inc({ outbox }, published ?? 0);
    return published;
  };
}

/**
 * Does `work` while the outboxes are published beside it; when it has ended, `own` once more, for what the work itself
 * has decided last.
 */
export async function relayingBeside<T>(
  context: CommandContext,
  own: Relay,
  others: readonly Relay[],
  work: () => Promise<T>,
): Promise<T> {
  const { log, metrics, stopping, shutdownDeadline } = context;
  const onFailure = (error: Error) => {
    metrics.relayFailures.inc();
    log.warn({ event: 'relay_failed', error: safeMessage(error) }, 'relay failed; it is tried again');
  };
  const loop = startRelayLoop([...others, own], EVERY_MS, onFailure);
  const result = await work().finally(() => untilShutdownDeadline(context, loop.stop()));
  const last = withAbort(shutdownDeadline, own());
  // Told to stop, it leaves to whoever relays next what cannot be published now.
  await (stopping.aborted ? last.catch(onFailure) : last);
  return result;
}
