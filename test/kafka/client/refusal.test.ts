import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { kafkaFailure } from '../../../src/kafka/client/refusal.ts';
import { isRetriable, LastseenError } from '../../../src/runtime/errors.ts';

type DriverError = new (error: Error | string, options?: object) => Error;
const driver = createRequire(import.meta.url)('kafkajs/src/errors.js') as Record<string, DriverError>;
const driverError = (name: string, error: Error | string, options?: object) =>
  new (driver[name] as DriverError)(error, options);

describe('a failure of Kafka', () => {
  it.each([
    driverError('KafkaJSConnectionError', 'connect ECONNREFUSED'),
    driverError('KafkaJSNumberOfRetriesExceeded', driverError('KafkaJSRequestTimeoutError', 'Request timed out'), {}),
    driverError('KafkaJSNonRetriableError', 'read', { cause: Object.assign(new Error('read'), { syscall: 'read' }) }),
  ])('is an outage if the network or a broker caused it: %s', (error) => {
    expect(isRetriable(kafkaFailure('cannot write', error))).toBe(true);
  });

  it.each([new TypeError('value is null'), new RangeError('out of range'), new SyntaxError('no JSON')])(
    'is the error itself if something else caused it: %s',
    (error) => {
      expect(kafkaFailure('cannot write', error)).toBe(error);
      const wrapped = driverError('KafkaJSNonRetriableError', error, { cause: error });
      expect(kafkaFailure('cannot write', wrapped)).toBe(error);
    },
  );

  it('is a refusal if a right is missing, and says for what', () => {
    const denied = Object.assign(driverError('KafkaJSProtocolError', 'Not authorized'), {
      type: 'TOPIC_AUTHORIZATION_FAILED',
    });
    expect(kafkaFailure('cannot write to topic t', denied)).toMatchObject({
      code: 'kafka_refused',
      retriable: false,
      message: expect.stringMatching(/^cannot write to topic t: Kafka denied access: Not authorized; check .* ACLs$/),
    });
  });

  it('is an own error that the driver has wrapped', () => {
    const own = new LastseenError('record_refused', 'no');
    expect(kafkaFailure('crashed', driverError('KafkaJSNonRetriableError', own, { cause: own }))).toBe(own);
  });
});
