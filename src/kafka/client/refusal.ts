import { connect as connectPlain, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory, Kafka } from 'kafkajs';
import { LastseenError } from '../../runtime/errors.ts';
import { tlsRefusal } from '../../runtime/tls-refusal.ts';

const KEEP_ALIVE_MS = 60_000;

/**
 * Sockets as the driver creates them, but a failed TLS handshake is reported: the driver retries it like an outage
 * (tulios/kafkajs#1058 shows the error). Can go when the driver fails at once.
 */
export function createSocketFactory(
  onRefused: (error: LastseenError) => void,
  onConnecting?: () => void,
): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    onConnecting?.();
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? connectTls({ host, port, ...name, ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.once('error', (error) => {
      const why = tlsRefusal(error);
      if (why !== undefined) onRefused(refusalError(`no safe connection to broker ${host}:${port}: ${why}`, error));
    });
    return socket;
  };
}

const REFUSALS = new WeakMap<Kafka, Promise<never>>();

export function registerRefusal(kafka: Kafka, refusal: Promise<never>): void {
  // Avoids an unhandled rejection if no work is waiting.
  refusal.catch(() => {});
  REFUSALS.set(kafka, refusal);
}

/** The result of the work. Rejects at once on a refusal; the driver would retry for half a minute. */
export function failOnRefusal<T>(kafka: Kafka, work: Promise<T>): Promise<T> {
  const refusal = REFUSALS.get(kafka);
  return refusal === undefined ? work : Promise.race([refusal, work]);
}

/** Broker errors that are not retriable: wrong credentials, or missing permissions. */
const REFUSED = /^(SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|\w+_AUTHORIZATION_FAILED)$/;

/**
 * `kafka_refused` for wrong credentials or missing permissions, else `kafka_unavailable`. An error that neither the network
 * nor a broker caused is no outage, and is returned as it is: it is unknown.
 */
export function kafkaFailure(what: string, error: unknown, isOutage = true): Error {
  let root = error;
  for (let at = error; at instanceof Error; at = at.cause) {
    // The driver wraps errors that it met in our code, such as those of a codec.
    if (at instanceof LastseenError) return at;
    root = at;
    const { type } = at as { type?: unknown };
    if (at.name === 'KafkaJSSASLAuthenticationError' || (typeof type === 'string' && REFUSED.test(type))) {
      return refusalError(
        `${what}: Kafka denied access: ${(error as Error).message}; check the KAFKA_SASL settings and the ACLs`,
        error,
      );
    }
  }
  if (isOutage && root instanceof Error && !isOfNetworkOrBroker(root)) return root;
  return new LastseenError('kafka_unavailable', `${what}: ${(error as Error).message}`, {
    retriable: isOutage,
    cause: error,
  });
}

/** The driver's errors for wrong arguments, and for what it can neither encode nor decode. */
const DRIVER_BUG =
  /^KafkaJS(NonRetriableError|NotImplemented|InvariantViolation|PartialMessageError|UnsupportedMagicByteInMessageSet)$/;

function isOfNetworkOrBroker(root: Error): boolean {
  if (root.name.startsWith('KafkaJS')) return !DRIVER_BUG.test(root.name);
  // An error of the operating system, or the driver's for a broker that is no longer connected.
  return 'syscall' in root || 'retriable' in root || root.message === 'Broker not connected';
}

function refusalError(message: string, cause: unknown): LastseenError {
  return new LastseenError('kafka_refused', message, { cause });
}
