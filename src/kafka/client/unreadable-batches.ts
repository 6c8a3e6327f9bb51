import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import { safeMessage } from '../../runtime/errors.ts';

/** Private parts of the driver: bytes with a position. */
interface DriverDecoder {
  readonly buffer: Buffer;
  offset: number;
  readBytes(): Buffer | null;
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

/** Positions in a record batch of the current format, and the length of what precedes its records. */
const LENGTH_AT = 8;
const LENGTH_ENDS_AT = 12;
const MAGIC_AT = 16;
const CHECKSUM_AT = 17;
const CHECKSUM_ENDS_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const HEADER_BYTES = 61;
const CURRENT_MAGIC = 2;
const SIZE_BYTES = 4;

let isPatched = false;

/**
 * Patches the driver:
 * - An error while a batch is decoded, such as that of a codec, becomes a message in its place. Without this the driver ends
 *   with an error that names neither topic, partition nor offset, and also discards what other partitions returned.
 * - The checksum of each batch is compared, as Java clients do. The driver does not, and would return fewer or other records.
 * - Batches without records, which compaction leaves behind, are distinguished from a response without batches.
 * No upstream issues found.
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
    const magicAt = decoder.offset + SIZE_BYTES + MAGIC_AT;
    const isCurrent = decoder.buffer.readInt32BE(decoder.offset) > MAGIC_AT;
    if (!isCurrent || decoder.buffer.readInt8(magicAt) !== CURRENT_MAGIC) return decodeMessages(decoder);
    return decodeBatches(new Decoder(decoder.readBytes() ?? Buffer.alloc(0)), decodeBatch);
  };
  // The driver requires the module again when it decodes the first response.
  const loaded = require.cache[path];
  if (loaded !== undefined) loaded.exports = decodeOrReport;
}

async function decodeBatches(decoder: DriverDecoder, decodeBatch: DecodeBatch): Promise<DriverMessage[]> {
  const { buffer } = decoder;
  const messages: DriverMessage[] = [];
  let nextOffset: bigint | undefined;
  while (buffer.length - decoder.offset >= HEADER_BYTES) {
    const batch = buffer.subarray(decoder.offset);
    const isCut = batch.length < LENGTH_ENDS_AT + batch.readInt32BE(LENGTH_AT);
    // The last batch of a response may be cut, but not the first.
    if (isCut && nextOffset !== undefined) break;
    try {
      if (isCut) throw new Error('the batch is cut off');
      verifyChecksum(batch);
      for (const message of (await decodeBatch(decoder)).records) messages.push(message);
    } catch (error) {
      messages.push(unreadableMessage(batch, error));
      return messages;
    }
    nextOffset = lastOffsetOf(batch) + 1n;
  }
  if (messages.length === 0) emptyUntil.set(messages, nextOffset);
  return messages;
}

function verifyChecksum(batch: Buffer): void {
  const end = LENGTH_ENDS_AT + batch.readInt32BE(LENGTH_AT);
  if (end < HEADER_BYTES) throw new Error('the batch is shorter than its header');
  if (crc32c(batch.subarray(CHECKSUM_ENDS_AT, end)) !== batch.readUInt32BE(CHECKSUM_AT))
    throw new Error('the checksum of the batch is wrong');
}

const lastOffsetOf = (batch: Buffer) => batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(LAST_OFFSET_DELTA_AT));

function unreadableMessage(batch: Buffer, error: unknown): UnreadableMessage {
  const firstOffset = batch.readBigInt64BE(0);
  const lastOffset = lastOffsetOf(batch);
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

const emptyUntil = new WeakMap<readonly unknown[], bigint | undefined>();

/**
 * What a partition of a response proves if it has no messages: no records up to `nextOffset`, or nothing if that is
 * unknown. Undefined: the response had no batch of the partition.
 */
export function emptyBatches(messages: readonly unknown[]): { readonly nextOffset: bigint | undefined } | undefined {
  return emptyUntil.has(messages) ? { nextOffset: emptyUntil.get(messages) } : undefined;
}
