import type { Kafka as Client, KafkaConfig } from 'kafkajs';
import type { Logger } from '../runtime/logging.ts';
import { registerCodecs } from './codecs.ts';
import { Kafka, logLevel } from './driver.ts';

/** A handle on the cluster for those who only hand it on. */
export type KafkaClient = Client;

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Logger;
}

/** The driver's client, with every compression codec of Kafka and its log lines in ours. Connects to nothing yet. */
export function createKafka(options: KafkaOptions): KafkaClient {
  registerCodecs();
  return new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: 5_000,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 10_000 },
    logCreator: logInto(options.log),
  });
}

/** Its messages carry offsets, groups and errors, but no record content. */
function logInto(log: Logger): NonNullable<KafkaConfig['logCreator']> {
  return () => (entry) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, error, ...fields } = entry.log;
    const line = {
      event: 'kafka_client',
      namespace: entry.namespace,
      ...fields,
      ...(error ? { error: String(error) } : {}),
    };
    switch (entry.level) {
      case logLevel.ERROR:
        // The driver retries what it calls errors; what it gives up on arrives as an error of ours.
        return log.warn(line, message);
      case logLevel.WARN:
        // Sends are repeated by us after an outage, at least once; the driver would have them repeated for ever.
        return message.startsWith('Limiting retries') ? log.debug(line, message) : log.warn(line, message);
      case logLevel.INFO:
        return log.debug(line, message);
      default:
        return log.trace(line, message);
    }
  };
}
