import type { Kafka as Client, KafkaConfig, SASLOptions } from 'kafkajs';
import type { Logger } from '../../runtime/logging.ts';
import { registerCodecs } from './codecs.ts';
import { Kafka, logLevel } from './driver.ts';
import { mendReconnects } from './reconnects.ts';
import { noteRefusals, watchedSockets } from './refusal.ts';

/** A handle on the cluster for those who only hand it on. */
export type KafkaClient = Client;

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Absent: no TLS. PEM texts; without a CA, Node's own authorities. */
  readonly tls?: BrokerTls | undefined;
  readonly sasl?: BrokerLogin | undefined;
  /** How often the driver tries again before it gives up; 8 unless told, which takes half a minute. */
  readonly retries?: number | undefined;
  readonly log: Logger;
  /** Called for each connection that is begun to a broker. */
  readonly onConnecting?: () => void;
}

export interface BrokerTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphrase?: string | undefined;
}

export interface BrokerLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/** The driver's client, with every compression codec of Kafka and its log lines in ours. Connects to nothing yet. */
export function createKafka(options: KafkaOptions): KafkaClient {
  registerCodecs();
  mendReconnects();
  const refusal = Promise.withResolvers<never>();
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    socketFactory: watchedSockets(refusal.reject, options.onConnecting),
    ...(options.tls === undefined ? {} : { ssl: { ...options.tls } }),
    ...(options.sasl === undefined ? {} : { sasl: saslOptions(options.sasl) }),
    connectionTimeout: 5_000,
    retry: { retries: options.retries ?? 8, initialRetryTime: 200, maxRetryTime: 10_000 },
    logCreator: logInto(options.log),
  });
  noteRefusals(kafka, refusal.promise);
  return kafka;
}

function saslOptions({ mechanism, username, password }: BrokerLogin): SASLOptions {
  switch (mechanism) {
    case 'PLAIN':
      return { mechanism: 'plain', username, password };
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', username, password };
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', username, password };
  }
}

/**
 * Its messages carry offsets, groups and errors; what was sent and received, which it adds when it debugs
 * (`KAFKAJS_LOG_LEVEL`), is left out.
 */
function logInto(log: Logger): NonNullable<KafkaConfig['logCreator']> {
  return () => (entry) => {
    const { message, timestamp: _, logger: __, stack: ___, data: ____, payload: _____, error, ...fields } = entry.log;
    const line = {
      event: 'kafka_client_logged' as const,
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
