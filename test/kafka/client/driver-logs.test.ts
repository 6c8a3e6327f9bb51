import { expect, it } from 'vitest';
import { useOfDriverLine } from '../../../src/kafka/client/driver-logs.ts';

const useOf = (namespace: string, message: string, isError = true) => useOfDriverLine({ namespace, isError, message });
const log = (level: string) => ({ kind: 'log', level });

it.each([
  ['Connection', 'Connection error: connect ECONNREFUSED 127.0.0.1:9092', 'connect ECONNREFUSED 127.0.0.1:9092'],
  ['Connection', 'Connection timeout', 'Connection timeout'],
  [
    'BrokerPool',
    'Failed to connect to seed broker, trying another broker from the list: Connection error: read ECONNRESET',
    'read ECONNRESET',
  ],
  [
    'BrokerPool',
    'Failed to connect to seed broker, trying another broker from the list: Closed connection',
    'Closed connection',
  ],
  [
    'BrokerPool',
    'Request ApiVersions(key: 18, version: 2) timed out',
    'Request ApiVersions(key: 18, version: 2) timed out',
  ],
])('takes a line of %s as the sign of an outage: %s', (namespace, message, why) => {
  expect(useOf(namespace, message)).toEqual({ kind: 'outage', why });
});

it.each([
  ['Connection', 'Response Heartbeat(key: 12, version: 3)'],
  ['RequestQueue', 'Response without match'],
  ['Consumer', 'Crash: KafkaJSNumberOfRetriesExceeded: Connection error: read ECONNRESET'],
  ['Consumer', 'Restarting the consumer in 10000ms'],
])('leaves to debugging what the driver repeats, or lastseen reports itself: %s, %s', (namespace, message) => {
  expect(useOf(namespace, message)).toEqual(log('debug'));
});

it('logs a rebalance as information, and unknown lines as warnings', () => {
  expect(useOf('Runner', 'The group is rebalancing, re-joining', false)).toEqual(log('info'));
  expect(useOf('Runner', 'Error when calling eachBatch')).toEqual(log('warn'));
  expect(useOf('ConsumerGroup', 'Offset out of range, resetting to default offset')).toEqual(log('warn'));
  expect(useOf('Producer', 'Limiting retries for the idempotent producer may invalidate it', false)).toEqual(
    log('debug'),
  );
});
