/**
 * Reads a topic with the settings of `track`'s consumer. Prints per record the id in its key, a tab, and the time of
 * arrival in ms since the epoch.
 *
 *   node bench/freshness/bare-reader.ts BROKERS TOPIC GROUP
 */
import { createKafka } from '../../src/kafka/client/client.ts';
import { FETCHING } from '../../src/kafka/consumer/fetching.ts';
import { createLogger } from '../../src/runtime/logging.ts';

const [brokers = '', topic = '', groupId = ''] = process.argv.slice(2);
const log = createLogger({ level: 'silent', pretty: false, command: 'bare-reader' });
const consumer = createKafka({ brokers: [brokers], clientId: 'bare-reader', log }).consumer({
  groupId,
  ...FETCHING,
  allowAutoTopicCreation: false,
});
/** The registry's header, and a length that fits one byte. */
const BEFORE_ID = 6;

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    const at = performance.timeOrigin + performance.now();
    process.stdout.write(
      batch.messages.map(({ key }) => `${key?.toString('utf8', BEFORE_ID)}\t${at.toFixed(3)}\n`).join(''),
    );
  },
});
