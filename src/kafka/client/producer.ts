import type { CompressionTypes as Compression, ICustomPartitioner, Kafka, Message, Producer } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { CompressionTypes, Partitioners } from './driver.ts';
import { driverHeaders } from './null-headers.ts';
import { portionEnd } from './portions.ts';
import type { OutgoingRecord } from './records.ts';
import { failOnRefusal, kafkaFailure } from './refusal.ts';

export interface EventProducer {
  /** Resolves when every in-sync replica has acknowledged all records. Keeps the order per key. */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Half of the default of `max.message.bytes`. */
const PORTION_BYTES = 524_288;

/**
 * An idempotent producer with the partitioner of Java clients. It connects at the first send. Records are sent in
 * portions that fit into a batch; if one fails, the portions before it are in the topic.
 *
 * Two workarounds for the driver's idempotence:
 * - It needs one request in flight and sends awaited one after the other (tulios/kafkajs#598).
 * - If a request fails, it rolls the sequence numbers back for all partitions of the request, also for those that the
 *   broker has written. The broker would drop the next records as duplicates. So a failed send closes the producer. No
 *   upstream issue found; can go when `sendMessages.js` of the driver no longer rolls back.
 */
export function createProducer(kafka: Kafka): EventProducer {
  let open: Promise<Producer> | undefined;
  let lastSend: Promise<void> = Promise.resolve();
  /** Smaller portions for topics that rejected a larger one. */
  const portionBytes = new Map<string, number>();

  const sendPortion = async (topic: string, records: readonly OutgoingRecord[], compression: Compression) => {
    open ??= connect(kafka);
    const used = open;
    try {
      const producer = await used;
      await producer.send({
        topic,
        acks: -1,
        compression,
        messages: records.map((record) => ({ ...record, headers: driverHeaders(record.headers ?? {}) })),
      });
    } catch (error) {
      open = undefined;
      used.then((producer) => producer.disconnect()).catch(() => {});
      throw error;
    }
  };

  const sendAll = async (topic: string, records: readonly OutgoingRecord[]) => {
    for (let from = 0; from < records.length; ) {
      const maxBytes = portionBytes.get(topic) ?? PORTION_BYTES;
      const portion = records.slice(from, portionEnd(records, from, maxBytes));
      try {
        await sendPortion(topic, portion, CompressionTypes.None);
      } catch (error) {
        if (errorType(error) !== 'MESSAGE_TOO_LARGE') throw error;
        if (portion.length > 1) {
          portionBytes.set(topic, Math.floor(maxBytes / 2));
          continue;
        }
        // The limit applies to the compressed batch, and the record may have been compressed when it was read.
        await sendPortion(topic, portion, CompressionTypes.ZSTD);
      }
      from += portion.length;
    }
  };

  return {
    send(topic, records) {
      if (records.length === 0) return Promise.resolve();
      const sent = lastSend
        .then(() => sendAll(topic, records))
        .catch((error) => Promise.reject(toFailure(topic, error)));
      lastSend = sent.catch(() => {});
      return sent;
    },
    async close() {
      await lastSend;
      await open?.then((producer) => producer.disconnect());
    },
  };
}

async function connect(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: repeatablePartitioner,
  });
  await failOnRefusal(kafka, producer.connect());
  return producer;
}

/**
 * Remembers the partition of each record. The driver calls the partitioner again when it retries a request: a record
 * without a key would move to another partition, under sequence numbers of other records. No upstream issue found; can
 * go when the driver calls the partitioner once per record.
 */
const repeatablePartitioner: ICustomPartitioner = () => {
  const partitionOf = Partitioners.DefaultPartitioner();
  const chosen = new WeakMap<Message, number>();
  return (args) => {
    const partition = chosen.get(args.message) ?? partitionOf(args);
    chosen.set(args.message, partition);
    return partition;
  };
};

/** Neither a missing topic nor a rejected record is retriable. */
function toFailure(topic: string, error: unknown): Error {
  const type = errorType(error);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'INVALID_RECORD') {
    return new LastseenError(
      'record_refused',
      `topic ${topic} rejects a record: ${(error as Error).message}` +
        (type === 'MESSAGE_TOO_LARGE' ? `; raise its max.message.bytes` : ''),
      { cause: error },
    );
  }
  return kafkaFailure(`cannot write to topic ${topic}`, error, type !== 'UNKNOWN_TOPIC_OR_PARTITION');
}

function errorType(error: unknown): unknown {
  return (error as { type?: unknown }).type;
}
