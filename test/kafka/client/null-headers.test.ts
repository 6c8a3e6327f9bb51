import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKafka } from '../../../src/kafka/client/client.ts';
import { driverHeaders } from '../../../src/kafka/client/null-headers.ts';
import type { OutgoingRecord, RawRecord } from '../../../src/kafka/client/records.ts';
import { createLogger } from '../../../src/runtime/logging.ts';

const require = createRequire(import.meta.url);
const encode = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => { buffer: Buffer };
const decode = require('kafkajs/src/protocol/recordBatch/record/v0/decoder.js') as (
  decoder: object,
  batch: object,
) => RawRecord;
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (
  bytes: Buffer,
) => { readVarIntBytes(): Buffer; canReadBytes(length: number): boolean };

const log = createLogger({ level: 'silent', pretty: false, command: 'test' });
beforeAll(() => void createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test', log }));

/** The headers as they are read from the bytes that the driver writes. */
function roundTrip(headers: NonNullable<OutgoingRecord['headers']>): RawRecord['headers'] {
  const { buffer } = encode({ key: null, value: null, headers: driverHeaders(headers) });
  const outer = new Decoder(buffer);
  const record = decode(new Decoder(outer.readVarIntBytes()), { firstOffset: '0', firstTimestamp: '0' });
  expect(outer.canReadBytes(1)).toBe(false);
  return record.headers;
}

describe('headers', () => {
  it('are written with values of null, which are not those without bytes', () => {
    const headers = { none: null, empty: Buffer.alloc(0), some: [null, Buffer.from('a'), null] };
    expect(roundTrip(headers)).toEqual(headers);
  });
});
