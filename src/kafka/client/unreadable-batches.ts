import { createRequire } from 'node:module';
import { safeMessage } from '../../runtime/errors.ts';

/** Private parts of the driver: bytes with a position. */
interface DriverDecoder {
  readonly buffer: Buffer;
  offset: number;
  canReadBytes(length: number): boolean;
}

interface DriverMessage {
  readonly offset: string;
}

type DecodeMessages = (decoder: DriverDecoder) => Promise<DriverMessage[]>;
type DecodeBatch = (decoder: DriverDecoder) => Promise<{ readonly records: DriverMessage[] }>;
type CreateDecoder = new (bytes: Buffer) => DriverDecoder;

/** A batch of the broker that could not be decoded. */
export interface UnreadableBatch {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly why: string;
}

/** Takes the place of the records of an unreadable batch, so that its topic and partition are known. */
interface UnreadableMessage extends DriverMessage {
  readonly unreadable: UnreadableBatch;
}

/** Positions in a record batch of the current format, and its shortest length. */
const LAST_OFFSET_DELTA_AT = 23;
const MAGIC_AT = 16;
const CURRENT_MAGIC = 2;
const SHORTEST_BATCH = 49;

let isPatched = false;

/**
 * Patches the driver: an error while a batch is decoded, such as that of a codec, becomes a message in its place. Without
 * this the driver ends with an error that names neither topic, partition nor offset, and also discards what other
 * partitions returned; no upstream issue found.
 */
export function reportUnreadableBatches(): void {
  if (isPatched) return;
  isPatched = true;
  const require = createRequire(import.meta.url);
  const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js');
  const decodeMessages = require(path) as DecodeMessages;
  const Decoder = require('kafkajs/src/protocol/decoder.js') as CreateDecoder;
  const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as DecodeBatch;
  const decodeOrReport: DecodeMessages = async (decoder) => {
    const start = decoder.offset;
    try {
      return await decodeMessages(decoder);
    } catch (error) {
      const length = decoder.buffer.readInt32BE(start);
      const bytes = decoder.buffer.subarray(start + 4, start + 4 + length);
      if (bytes.readInt8(MAGIC_AT) !== CURRENT_MAGIC) throw error;
      return decodeUntilUnreadable(new Decoder(bytes), decodeBatch);
    }
  };
  // The driver requires the module again when it decodes the first response.
  const loaded = require.cache[path];
  if (loaded !== undefined) loaded.exports = decodeOrReport;
}

async function decodeUntilUnreadable(decoder: DriverDecoder, decodeBatch: DecodeBatch): Promise<DriverMessage[]> {
  const messages: DriverMessage[] = [];
  while (decoder.canReadBytes(SHORTEST_BATCH)) {
    const batch = decoder.buffer.subarray(decoder.offset);
    try {
      messages.push(...(await decodeBatch(decoder)).records);
    } catch (error) {
      // The last batch of a response may be cut.
      if ((error as Error).name !== 'KafkaJSPartialMessageError') messages.push(unreadableMessage(batch, error));
      return messages;
    }
  }
  return messages;
}

function unreadableMessage(batch: Buffer, error: unknown): UnreadableMessage {
  const firstOffset = batch.readBigInt64BE(0);
  const lastOffset = firstOffset + BigInt(batch.readInt32BE(LAST_OFFSET_DELTA_AT));
  const message = {
    // The driver drops messages below the fetched offset, which may be inside the batch.
    offset: String(lastOffset),
    unreadable: { firstOffset, lastOffset, why: safeMessage(error) },
    batchContext: {},
    isControlRecord: false,
    key: null,
    value: null,
    timestamp: '-1',
    headers: {},
  };
  return message;
}

/** The unreadable batch that ends these messages. */
export function unreadableAtEnd(messages: readonly DriverMessage[]): UnreadableBatch | undefined {
  return (messages.at(-1) as Partial<UnreadableMessage> | undefined)?.unreadable;
}
