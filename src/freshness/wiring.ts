import { untilGraceDeadline } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { publicationName, slotName } from '../config/source-server.ts';
import { endPositions } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { isRetriable, type LastseenError, safeMessage } from '../runtime/errors.ts';
import { pause } from '../runtime/retries.ts';
import { describeBreak } from './capture-evidence.ts';
import { type CaptureView, recordCaptureLook } from './capture-evidence-pipeline.ts';
import { readCommittedOffset, readConnectors } from './connect-client.ts';
import { ownConnectors } from './connector-filters.ts';
import type { DeliveryView } from './delivery-pipeline.ts';
import type { FreshnessDeps } from './pipeline.ts';
import type { SourceDatabases } from './replication-store.ts';

/** The flag of commands that prove freshness. */
export const WAIT_FRESH = [
  '--wait-fresh <duration>',
  'longest wait until changes committed at the source are applied (WAIT_FRESH)',
] as const;

const LOG_EVERY_MS = 5_000;

export function freshnessDeps(
  context: CommandContext,
  { database, slotDatabase }: SourceDatabases,
  kafka: KafkaClient,
): FreshnessDeps {
  const { settings, stopping } = context;
  const delivery = deliveryDeps(context);
  const { slot } = delivery;
  return {
    database,
    slotDatabase,
    ...delivery,
    sources: sourceTopics(settings),
    publication: publicationName(settings),
    maxUnreadableLetters: settings.DLQ_UNREADABLE_MAX,
    waitMs: settings.WAIT_FRESH,
    readEnds: (topics) => endPositions(kafka, topics),
    readConnectors: connectorReader(settings, slot),
    pause: (ms) => pause(ms, stopping),
    onWaiting: logWaiting(context),
  };
}

/** What shows how far the connector has delivered. */
export function deliveryDeps({ settings, now }: CommandContext): Omit<DeliveryView, keyof SourceDatabases> {
  const slot = slotName(settings);
  return { slot, proof: settings.FRESHNESS_PROOF, readOffset: offsetReader(settings, slot), now };
}

const CONNECT_TIMEOUT_MS = 4_000;

function connectorReader({ CONNECT_URL: url, TOPIC_PREFIX: topicPrefix }: Settings, slotName: string) {
  if (url === undefined) return undefined;
  return async () => ownConnectors(await readConnectors(url, CONNECT_TIMEOUT_MS), { topicPrefix, slotName });
}

function offsetReader({ CONNECT_URL: url, TOPIC_PREFIX: topicPrefix }: Settings, slotName: string) {
  return url === undefined ? undefined : () => readCommittedOffset(url, CONNECT_TIMEOUT_MS, { topicPrefix, slotName });
}

function logWaiting({ log }: CommandContext): (reasons: readonly string[]) => void {
  let loggedAt = performance.now();
  return (reasons) => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = performance.now();
    log.info({ event: 'freshness_waiting', reasons }, 'waiting until changes committed at the source are applied');
  };
}

const LOOK_EVERY_MS = 10_000;

/** Records a look at capture every ten seconds while `work` runs. Failures only delay the next look. */
export async function watchCaptureWhile<T>(
  context: CommandContext,
  capture: CaptureView,
  work: () => Promise<T>,
): Promise<T> {
  const workEnded = new AbortController();
  const watching = watchCapture(context, capture, workEnded.signal);
  return work().finally(() => {
    workEnded.abort();
    return untilGraceDeadline(context, watching);
  });
}

async function watchCapture({ log, outages }: CommandContext, capture: CaptureView, ended: AbortSignal): Promise<void> {
  let lastFailure: string | undefined;
  do {
    try {
      const { found } = await recordCaptureLook(capture);
      lastFailure = undefined;
      if (found !== undefined) log.error({ event: 'capture_broken', ...found }, describeBreak(found));
    } catch (error) {
      const failure = safeMessage(error);
      if (isRetriable(error)) outages.failed((error as LastseenError).code, failure);
      else if (failure !== lastFailure)
        log.warn({ event: 'capture_look_failed', error: failure }, 'could not look at capture');
      lastFailure = failure;
    }
  } while (await pause(LOOK_EVERY_MS, ended));
}
