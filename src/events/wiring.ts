import { join } from 'node:path';
import { openKafka, untilGraceDeadline } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import type { Settings } from '../config/settings.ts';
import { newestRecord } from '../kafka/admin/newest-record.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { EventProducer } from '../kafka/client/producer.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { type Finding, failed, ok } from '../preflight/finding.ts';
import type { StartCheck } from '../preflight/start-pipeline.ts';
import type { Registry } from '../registry/client.ts';
import { createEventCodec, type EventCodec } from '../registry/event-codec.ts';
import { OWN_SCHEMAS, SCHEMAS_DIRECTORY } from '../registry/own-schemas.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { withAbort } from '../runtime/waiting.ts';
import type { InactivityEvent } from './inactivity-event.ts';
import { FOREIGN_EVENTS_HINT, foreignEvents, requireOwnEvents } from './installation.ts';
import { readInstallationId } from './installation-store.ts';
import type { KpiUpdatedEvent } from './kpi-updated-event.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX, type Outbox, type OutboxRow } from './outboxes.ts';
import { createRelay, type Relay, type RelayDeps, relayUntil } from './relay-pipeline.ts';

export function inactivityCodec(settings: Settings, registry: Registry): Promise<EventCodec<InactivityEvent>> {
  return createEventCodec({
    registry,
    topic: settings.INACTIVITY_TOPIC,
    schemaFile: join(SCHEMAS_DIRECTORY, `${OWN_SCHEMAS.inactivity}.avsc`),
  });
}

export function kpiUpdatedCodec(settings: Settings, registry: Registry): Promise<EventCodec<KpiUpdatedEvent>> {
  return createEventCodec({
    registry,
    topic: settings.KPI_UPDATED_TOPIC,
    schemaFile: join(SCHEMAS_DIRECTORY, `${OWN_SCHEMAS.kpiUpdated}.avsc`),
  });
}

/** A relay of inactivity events to the configured topic. */
export async function inactivityRelay(
  context: CommandContext,
  registry: Registry,
  database: Database,
  producer: EventProducer,
): Promise<Relay> {
  const topic = context.settings.INACTIVITY_TOPIC;
  const { encode } = await inactivityCodec(context.settings, registry);
  return countedRelay(context, INACTIVITY_OUTBOX, { database, producer, topic, encode });
}

/** A relay of kpi-updated events to the configured topic. */
export async function kpiUpdatedRelay(
  context: CommandContext,
  registry: Registry,
  database: Database,
  producer: EventProducer,
): Promise<Relay> {
  const topic = context.settings.KPI_UPDATED_TOPIC;
  const { encode } = await kpiUpdatedCodec(context.settings, registry);
  return countedRelay(context, KPI_UPDATED_OUTBOX, { database, producer, topic, encode });
}

async function countedRelay<Row extends OutboxRow, Event>(
  context: CommandContext,
  outbox: Outbox<Row, Event>,
  deps: Omit<RelayDeps<Event>, 'installation'>,
): Promise<Relay> {
  const { metrics } = context;
  const { database, topic } = deps;
  const id = await readInstallationId(database);
  const requireOwnTopic = async () => requireOwnEvents(topic, await newestRecord(openKafka(context), topic), id);
  const relay = createRelay(outbox, { ...deps, installation: { id, requireOwnTopic } });
  return async () => {
    const published = await relay();
    metrics.relayed.inc({ outbox: outbox.name }, published ?? 0);
    return published;
  };
}

/** A check at the start that no other installation writes to these topics. */
export function ownEventsCheck(kafka: KafkaClient, database: Queryable, topics: readonly string[]): StartCheck {
  return {
    name: 'own events',
    code: 'config_invalid',
    run: async () => [await ownEventsFinding(kafka, database, topics)],
  };
}

/** Whether another installation writes to one of these topics. */
export async function ownEventsFinding(
  kafka: KafkaClient,
  database: Queryable,
  topics: readonly string[],
): Promise<Finding> {
  const id = await readInstallationId(database);
  for (const topic of topics) {
    const refusal = foreignEvents(topic, await newestRecord(kafka, topic), id);
    if (refusal === undefined) continue;
    return failed(refusal, {
      hint: FOREIGN_EVENTS_HINT,
      page: 'docs/operations/backup-and-recovery.md#two-installations',
      remedy: { setting: 'OWN_PREFIX' },
    });
  }
  return ok('the newest events are of this installation');
}

/** Publishes all outboxes while `work` runs, and `own` once more at the end, for the last events that `work` recorded. */
export async function relayWhile<T>(
  context: CommandContext,
  own: Relay,
  others: readonly Relay[],
  work: () => Promise<T>,
): Promise<T> {
  const { log, outages, metrics, stopping, graceDeadline } = context;
  const codeOf = (error: Error) => (error instanceof LastseenError ? error.code : 'unknown');
  const failed = (error: Error, waitMs?: number) => {
    const code = codeOf(error);
    metrics.relayFailures.inc({ code });
    if (isRetriable(error)) return outages.failed(code, safeMessage(error));
    log.error({ event: 'relay_failed', code, waitMs, error: safeMessage(error) }, 'relay failed; it is retried');
  };
  const recovered = (error: Error) => outages.answered(codeOf(error));
  const workEnded = new AbortController();
  const relaying = relayUntil(workEnded.signal, [...others, own], { failed, recovered });
  const result = await work().finally(() => {
    workEnded.abort();
    return untilGraceDeadline(context, relaying);
  });
  const last = withAbort(graceDeadline, own());
  // During a shutdown, events that cannot be published now are left to the next relay.
  await (stopping.aborted ? last.catch((error: Error) => failed(error)) : last);
  return result;
}
