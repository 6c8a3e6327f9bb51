import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKafka } from '../../../src/kafka/client/client.ts';
import { CompressionTypes } from '../../../src/kafka/client/driver.ts';
import { emptyBatches, unreadableAtEnd } from '../../../src/kafka/client/unreadable-batches.ts';
import { emptyFetches } from '../../../src/kafka/consumer/empty-fetches.ts';
import { createLogger } from '../../../src/runtime/logging.ts';

const require = createRequire(import.meta.url);
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => object;
const Long = require('kafkajs/src/utils/long.js') as { fromValue(value: number): object };
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;

type Decode = (decoder: object) => Promise<{ offset: string }[]>;
let decode: Decode;
beforeAll(() => {
  createKafka({
    brokers: ['127.0.0.1:1'],
    clientId: 'test',
    log: createLogger({ level: 'silent', pretty: false, command: 'test' }),
  });
  decode = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as Decode;
});

const RECORDS = 20;
const BATCH_HEADER_BYTES = 61;
/** The position of the length of the rest of the batch. */
const LENGTH_AT = 8;
const LENGTH_ENDS_AT = 12;
const CHECKSUM_AT = 17;
const COUNT_AT = 57;

async function batch(firstOffset: number, compression: number, count = RECORDS): Promise<Buffer> {
  const records = Array.from({ length: count }, (_, offsetDelta) =>
    Record({ offsetDelta, key: null, value: Buffer.from(`value ${offsetDelta}`) }),
  );
  const encoded = await RecordBatch({
    compression,
    firstOffset: Long.fromValue(firstOffset),
    lastOffsetDelta: RECORDS - 1,
    records,
  });
  return encoded.buffer;
}

/** The batches as a response has them. */
function fetched(...batches: Buffer[]) {
  const size = Buffer.alloc(4);
  size.writeInt32BE(batches.reduce((sum, { length }) => sum + length, 0));
  return decode(new Decoder(Buffer.concat([size, ...batches])));
}

const COMPRESSIONS = [
  ['gzip', CompressionTypes.GZIP],
  ['snappy', CompressionTypes.Snappy],
  ['lz4', CompressionTypes.LZ4],
  ['zstd', CompressionTypes.ZSTD],
] as const;

/** The checksum is that of the changed bytes, so that the codec or the driver finds the error. */
function withChecksum(changed: Buffer): Buffer {
  changed.writeUInt32BE(crc32c(changed.subarray(CHECKSUM_AT + 4)), CHECKSUM_AT);
  return changed;
}

describe.each(COMPRESSIONS)('a batch in %s', (_, compression) => {
  it('is read as a whole', async () => {
    const messages = await fetched(await batch(100, compression), await batch(120, compression));
    expect(messages).toHaveLength(2 * RECORDS);
    expect(unreadableAtEnd(messages)).toBe(undefined);
  });

  it('is named if it is cut, after the records before it and never shortened', async () => {
    const whole = await batch(120, compression);
    for (let at = BATCH_HEADER_BYTES; at < whole.length; at++) {
      const cut = Buffer.from(whole.subarray(0, at));
      cut.writeInt32BE(at - LENGTH_ENDS_AT, LENGTH_AT);
      const messages = await fetched(await batch(100, compression), withChecksum(cut), await batch(140, compression));
      const unreadable = unreadableAtEnd(messages);
      if (unreadable === undefined) {
        // Only the mark of the end was cut off.
        expect(messages.map(({ offset }) => Number(offset))).toEqual(
          Array.from({ length: 3 * RECORDS }, (_, n) => 100 + n),
        );
        continue;
      }
      expect(unreadable).toMatchObject({ firstOffset: 120n, lastOffset: 139n });
      expect(messages.slice(0, -1)).toHaveLength(RECORDS);
    }
  });
});

describe.each([['no compression', CompressionTypes.None] as const, ...COMPRESSIONS])(
  'a batch in %s',
  (_, compression) => {
    it('is named if a byte that its checksum covers was changed', async () => {
      const whole = await batch(120, compression);
      for (let at = CHECKSUM_AT; at < whole.length; at++) {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ 0x10;
        const messages = await fetched(await batch(100, compression), changed, await batch(140, compression));
        expect(unreadableAtEnd(messages)).toMatchObject({
          firstOffset: 120n,
          why: 'the checksum of the batch is wrong',
        });
        expect(messages.slice(0, -1)).toHaveLength(RECORDS);
      }
    });

    it('is named if its count of records was lowered', async () => {
      const fewer = await batch(120, compression);
      fewer.writeInt32BE(RECORDS - 1, COUNT_AT);
      expect(unreadableAtEnd(await fetched(fewer))).toMatchObject({ firstOffset: 120n, lastOffset: 139n });
    });
  },
);

describe('a response', () => {
  it('may end with a batch that is cut off', async () => {
    const cut = (await batch(120, CompressionTypes.GZIP)).subarray(0, -1);
    const messages = await fetched(await batch(100, CompressionTypes.GZIP), cut);
    expect(messages).toHaveLength(RECORDS);
    expect(unreadableAtEnd(messages)).toBe(undefined);
  });

  it('names a batch that is cut off if no other precedes it', async () => {
    const cut = (await batch(120, CompressionTypes.GZIP)).subarray(0, -1);
    expect(unreadableAtEnd(await fetched(cut))).toMatchObject({ firstOffset: 120n, why: 'the batch is cut off' });
  });

  it('says how far its batches without records reach', async () => {
    const messages = await fetched(
      await batch(100, CompressionTypes.None, 0),
      await batch(120, CompressionTypes.None, 0),
    );
    expect(messages).toEqual([]);
    expect(emptyBatches(messages)).toEqual({ nextOffset: 140n });
    expect(emptyBatches(await fetched())).toBe(undefined);
    const request = { topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: '105' }] }] };
    const partition = { partition: 0, highWatermark: '200', lastStableOffset: '200', messages };
    expect(emptyFetches(request, { responses: [{ topicName: 't', partitions: [partition] }] })).toEqual([
      { topic: 't', partition: 0, fetchOffset: 105n, endOffset: 140n },
    ]);
  });
});
