import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKafka } from '../../../src/kafka/client/client.ts';
import { CompressionTypes } from '../../../src/kafka/client/driver.ts';
import { unreadableAtEnd } from '../../../src/kafka/client/unreadable-batches.ts';
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

async function batch(firstOffset: number, compression: number): Promise<Buffer> {
  const records = Array.from({ length: RECORDS }, (_, offsetDelta) =>
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

describe.each([
  ['gzip', CompressionTypes.GZIP],
  ['snappy', CompressionTypes.Snappy],
  ['lz4', CompressionTypes.LZ4],
  ['zstd', CompressionTypes.ZSTD],
])('a batch in %s', (_, compression) => {
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
      const messages = await fetched(await batch(100, compression), cut, await batch(140, compression));
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
