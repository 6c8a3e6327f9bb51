import type { CompressionTypes as Compression, ICustomPartitioner, Kafka, Message, Producer } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { CompressionTypes, Partitioners } from './driver.ts';
import { portionEnd } from './portions.ts';
import type { OutgoingRecord } from './records.ts';
import { kafkaFailure, unlessRefused } from './refusal.ts';

export interface EventProducer {
  /** Resolves when every in-sync replica has acknowledged all records; order is kept a key. */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Half of what a topic takes by default. */
const PORTION_BYTES = 524_288;

/**
 * An idempotent producer that partitions as Java clients do. It connects at the first send. What is sent goes in
 * portions that a batch can hold; where one fails, those before it are in the topic.
 *
 * Idempotence in this driver needs one request in flight and sends awaited one after the other. It also sets back the
 * sequence of all partitions where one of them failed, so that what is sent next would pass for a repetition and be
 * dropped: after a failure the next send has a new producer.
 */
export function createProducer(kafka: Kafka): EventProducer {
  let open: Promise<Producer> | undefined;
  let last: Promise<void> = Promise.resolve();
  /** Of topics that have refused a larger portion. */
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
        messages: records.map((record) => ({ ...record, headers: record.headers ?? {} })),
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
        if (typeOf(error) !== 'MESSAGE_TOO_LARGE') throw error;
        if (portion.length > 1) {
          portionBytes.set(topic, Math.floor(maxBytes / 2));
          continue;
        }
        // It may have come compressed, and limits are for batches as they are sent.
        await sendPortion(topic, portion, CompressionTypes.ZSTD);
      }
      from += portion.length;
    }
  };

  return {
    send(topic, records) {
      if (records.length === 0) return Promise.resolve();
      const sent = last.then(() => sendAll(topic, records)).catch((error) => Promise.reject(failureOf(topic, error)));
      last = sent.catch(() => {});
      return sent;
    },
    async close() {
      await last;
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
  await unlessRefused(kafka, producer.connect());
  return producer;
}

/**
 * The driver asks again when it repeats a request. Records without a key would go elsewhere then, under the sequence
 * numbers of others.
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

/** A topic that is not there, or a record it refuses, does not get better by waiting. */
function failureOf(topic: string, error: unknown): LastseenError {
  const type = typeOf(error);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'INVALID_RECORD') {
    return new LastseenError(
      'record_refused',
      `topic ${topic} refuses a record: ${(error as Error).message}` +
        (type === 'MESSAGE_TOO_LARGE' ? `; raise its max.message.bytes` : ''),
      { cause: error },
    );
  }
  return kafkaFailure(`cannot write to topic ${topic}`, error, type !== 'UNKNOWN_TOPIC_OR_PARTITION');
}

function typeOf(error: unknown): unknown {
  return (error as { type?: unknown }).type;
}
