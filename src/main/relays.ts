import type { EventProducer } from '../kafka/producer.ts';
import { createInactivityRelay } from '../pipelines/inactivity-relay.ts';
import { startRelayLoop } from '../pipelines/relay-loop.ts';
import type { Database } from '../postgres/database.ts';
import type { Registry } from '../registry/client.ts';
import { safeMessage } from '../runtime/errors.ts';
import { inactivityCodec } from './event-codecs.ts';
import type { CommandContext } from './process.ts';

const EVERY_MS = 2_000;

type Relay = () => Promise<number | undefined>;

/** Publishes decided inactivity events, as it is configured. */
export async function inactivityRelay(
  { settings }: CommandContext,
  registry: Registry,
  database: Database,
  producer: EventProducer,
): Promise<Relay> {
  const { encode } = await inactivityCodec(settings, registry);
  return createInactivityRelay({ database, producer, topic: settings.INACTIVITY_TOPIC, encode });
}

/**
 * Does `work` while the outboxes are published beside it; when it has ended, `own` once more, for what the work itself
 * has decided last.
 */
export async function relayingBeside<T>(
  { log }: CommandContext,
  own: Relay,
  others: readonly Relay[],
  work: () => Promise<T>,
): Promise<T> {
  const loop = startRelayLoop([...others, own], EVERY_MS, (error) =>
    log.warn({ event: 'relay_failed', error: safeMessage(error) }, 'relay failed; it is tried again'),
  );
  const result = await work().finally(() => loop.stop());
  await own();
  return result;
}
