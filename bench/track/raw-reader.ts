/**
 * The bare driver: reads a topic to its current end with the consumer settings of src/kafka/consumer/staged-consumer.ts, and
 * counts the records.
 *
 *   node bench/track/raw-reader.ts BROKERS TOPIC GROUP usual|inline
 *
 * `usual`: lz4 is decompressed by the codec's asynchronous function; `inline`: as in `track`.
 */
import { decompressFrame } from 'lz4-napi';
import { createKafka } from '../../src/kafka/client/client.ts';
import { CompressionCodecs, CompressionTypes } from '../../src/kafka/client/driver.ts';
import { FETCHING } from '../../src/kafka/consumer/fetching.ts';
import { createLogger } from '../../src/runtime/logging.ts';

const [brokers = '', topic = '', groupId = '', codec = ''] = process.argv.slice(2);
const log = createLogger({ level: 'silent', pretty: false, command: 'raw' });
const kafka = createKafka({ brokers: [brokers], clientId: 'raw', log });
if (codec === 'usual') CompressionCodecs[CompressionTypes.LZ4] = () => ({ decompress: decompressFrame });
const admin = kafka.admin();
await admin.connect();
const unread = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
await admin.disconnect();

const sessionTimeout = 30_000;
const consumer = kafka.consumer({
  groupId,
  sessionTimeout,
  heartbeatInterval: sessionTimeout / 10,
  rebalanceTimeout: sessionTimeout,
  ...FETCHING,
  allowAutoTopicCreation: false,
  metadataMaxAge: sessionTimeout,
});
let records = 0;
const finished = Promise.withResolvers<number>();
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    records += batch.messages.length;
    resolveOffset(batch.lastOffset());
    if (BigInt(batch.lastOffset()) + 1n >= (unread.get(batch.partition) ?? 0n)) unread.delete(batch.partition);
    if (unread.size === 0) finished.resolve(Date.now());
    await heartbeat();
  },
});
const endedAt = await finished.promise;
console.log(JSON.stringify({ records, endedAt }));
process.exit(0);
