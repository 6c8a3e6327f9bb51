import { open } from 'node:fs/promises';
import { formatInstant } from '../activity/instant.ts';
import { notificationTopic, sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import type { InactivityDecision } from '../events/inactivity-decision.ts';
import { inactivityEvent, inactivityRecord } from '../events/inactivity-event.ts';
import { inactivityCodec } from '../events/wiring.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { Registry } from '../registry/client.ts';
import { usageError } from '../runtime/errors.ts';

/** Receives the events that the past sweeps would have emitted. */
export interface EventSink {
  write(decisions: readonly InactivityDecision[]): Promise<void>;
  close(): Promise<void>;
}

export async function openEventSink(
  settings: Settings,
  kafka: KafkaClient,
  registry: Registry,
  { out, outTopic }: { readonly out?: string; readonly outTopic?: string },
): Promise<EventSink> {
  if (outTopic !== undefined) return topicSink(settings, kafka, registry, outTopic);
  if (out !== undefined) return fileSink(out);
  return { write: async () => {}, close: async () => {} };
}

/** One JSON object per line, with the field names of the event's schema and instants as text. */
async function fileSink(path: string): Promise<EventSink> {
  const file = await open(path, 'w').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot write --out ${path} (${error.code})`);
  });
  return {
    async write(decisions) {
      const lines = decisions.map((decision) => `${JSON.stringify(inactivityEvent(decision), instantsAsText)}\n`);
      await file.write(lines.join(''));
    },
    close: () => file.close(),
  };
}

function instantsAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? formatInstant(value) : value;
}

/** @throws LastseenError `usage` if the topic is one of the live topics, on which consumers act. */
async function topicSink(
  settings: Settings,
  kafka: KafkaClient,
  registry: Registry,
  topic: string,
): Promise<EventSink> {
  const live = [
    settings.INACTIVITY_TOPIC,
    settings.KPI_UPDATED_TOPIC,
    settings.TRACK_DLQ_TOPIC,
    settings.RECOMPUTE_DLQ_TOPIC,
    notificationTopic(settings),
    ...sourceTopics(settings).keys(),
  ];
  if (live.includes(topic)) throw usageError(`--out-topic ${topic} is in use; choose another topic`);
  await requireTopics(kafka, [topic]);
  const { encode } = await inactivityCodec(settings, registry);
  const producer = createProducer(kafka);
  return {
    write: (decisions) =>
      producer.send(
        topic,
        decisions.map((decision) => {
          const record = inactivityRecord(decision, encode);
          return { ...record, headers: { ...record.headers, ce_source: '/lastseen/replay' } };
        }),
      ),
    close: () => producer.close(),
  };
}
