import type { Kafka as Client, KafkaConfig, SASLOptions } from 'kafkajs';
import type { Logger } from '../../runtime/logging.ts';
import { registerCodecs } from './codecs.ts';
import { Kafka, logLevel } from './driver.ts';
import { useOfDriverLine } from './driver-logs.ts';
import { allowNullHeaders } from './null-headers.ts';
import { clearBuffersOnReconnect } from './reconnects.ts';
import { createSocketFactory, registerRefusal } from './refusal.ts';
import { reportUnreadableBatches } from './unreadable-batches.ts';

/** The driver's client, for code that only passes it on. */
export type KafkaClient = Client;

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** PEM texts. Absent: no TLS. Without a CA, Node's own authorities are trusted. */
  readonly tls?: BrokerTls | undefined;
  readonly sasl?: BrokerLogin | undefined;
  /** How often the driver retries before it gives up. The default of 8 takes half a minute. */
  readonly retries?: number | undefined;
  readonly log: Logger;
  /** Called when a broker does not answer; the driver retries. Absent: each attempt is a log line. */
  readonly onUnreachable?: ((why: string, broker: string | undefined) => void) | undefined;
  /** Called before each connection to a broker. */
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

/** The driver's client, with every compression codec of Kafka and with our logger. It does not connect yet. */
export function createKafka(options: KafkaOptions): KafkaClient {
  registerCodecs();
  clearBuffersOnReconnect();
  allowNullHeaders();
  reportUnreadableBatches();
  const refusal = Promise.withResolvers<never>();
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    socketFactory: createSocketFactory(refusal.reject, options.onConnecting),
    ...(options.tls === undefined ? {} : { ssl: { ...options.tls } }),
    ...(options.sasl === undefined ? {} : { sasl: saslOptions(options.sasl) }),
    connectionTimeout: 5_000,
    retry: { retries: options.retries ?? 8, initialRetryTime: 200, maxRetryTime: 10_000 },
    logCreator: forwardLogs(options),
  });
  registerRefusal(kafka, refusal.promise);
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
 * Keeps offsets, groups and errors of the driver's log lines. Leaves out requests and responses, which it logs at level
 * debug (`KAFKAJS_LOG_LEVEL`), because they contain record data.
 */
function forwardLogs({ log, onUnreachable }: KafkaOptions): NonNullable<KafkaConfig['logCreator']> {
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
      case logLevel.WARN: {
        // The driver retries after errors. If it gives up, the caller gets an error of its own.
        const isError = entry.level === logLevel.ERROR;
        const use = useOfDriverLine({ namespace: entry.namespace, isError, message: String(message) });
        if (use.kind === 'log') return log[use.level](line, message);
        if (onUnreachable === undefined) return log.warn(line, message);
        log.debug(line, message);
        return onUnreachable(use.why, fields['broker'] as string | undefined);
      }
      case logLevel.INFO:
        return log.debug(line, message);
      default:
        return log.trace(line, message);
    }
  };
}
