import type { Kafka } from 'kafkajs';
import { Partitioners } from './driver.ts';
import type { OutgoingRecord } from './records.ts';
import { kafkaFailure, unlessRefused } from './refusal.ts';

export interface EventProducer {
  /** Resolves when every in-sync replica has acknowledged all records; order is kept a key. */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * An idempotent producer that partitions as Java clients do. It connects at the first send.
 *
 * Idempotence in this driver needs one request in flight and sends awaited one after the other.
 */
export function createProducer(kafka: Kafka): EventProducer {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  let connected: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();

  const sendNow = async (topic: string, records: readonly OutgoingRecord[]) => {
    try {
      connected ??= unlessRefused(kafka, producer.connect());
      await connected;
      await producer.send({
        topic,
        acks: -1,
        messages: records.map((record) => ({ ...record, headers: record.headers ?? {} })),
      });
    } catch (error) {
      connected = undefined;
      throw kafkaFailure(`cannot write to topic ${topic}`, error, isOutage(error));
    }
  };

  return {
    send(topic, records) {
      if (records.length === 0) return Promise.resolve();
      const sent = last.then(() => sendNow(topic, records));
      last = sent.catch(() => {});
      return sent;
    },
    async close() {
      await last;
      await producer.disconnect();
    },
  };
}

/** A topic that is not there, or a record it refuses, does not get better by waiting. */
function isOutage(error: unknown): boolean {
  const type = (error as { type?: unknown }).type;
  return type !== 'UNKNOWN_TOPIC_OR_PARTITION' && type !== 'MESSAGE_TOO_LARGE' && type !== 'INVALID_RECORD';
}
