import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro, { type Type } from 'avsc';
import { LastseenError } from '../runtime/errors.ts';
import { createRegistryRequests, type RegistryAccess, type RegistryRequests, unavailable } from './requests.ts';
import { writerTypeHook } from './writer-type.ts';

export interface RegistryOptions extends RegistryAccess {
  /** The base of the Confluent compatible API, e.g. `http://registry:8080/apis/ccompat/v7`. */
  readonly url: string;
  /** Of one request; what takes several gets three times as long. */
  readonly timeoutMs: number;
  /** How long an id that the registry does not know is not asked for again. */
  readonly negativeCacheMs: number;
}

/** What an id stands for. */
export type WriterSchema =
  | { readonly kind: 'avro'; readonly type: Type }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly detail: string };

/**
 * Every method throws `registry_unavailable` (retriable) where the registry does not answer, or not as a registry, and
 * `registry_refused` where TLS or the login fail.
 */
export interface Registry {
  writerSchema(id: number): Promise<WriterSchema>;
  /**
   * The id of exactly this schema under the subject; `undefined` where it is not registered. Not the latest id: while a
   * newer release is rolled out, the latest schema is not the one that this process writes with.
   */
  idOf(subject: string, schema: OwnSchema): Promise<number | undefined>;
  /** Registers the schema as BACKWARD compatible; the same one again gives the same id. Throws `schema_incompatible`. */
  register(subject: string, schema: OwnSchema): Promise<number>;
  /** What the registry has against the schema as the subject's next version; empty where nothing. */
  incompatibilities(subject: string, schema: OwnSchema): Promise<string[]>;
}

export interface OwnSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly fields: object[];
}

/**
 * The registry as lastseen needs it. The client underneath keeps what it has found for ever, but never what is missing,
 * has no timeout, reports refused connections as status 400, and does not end where an answer breaks off: so requests
 * get a deadline, anything but a 404 is an outage, and a 404 is believed only of an address that is a registry's
 * (a wrong path must not turn a topic into dead letters).
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { timeoutMs, negativeCacheMs } = options;
  const url = options.url.replace(/\/+$/, '');
  const requests = createRegistryRequests(url, options, timeoutMs);
  let client = connect(url, requests, timeoutMs);
  const missing = new Map<number, WriterSchema>();
  let isRegistry = false;

  async function makeSureOfRegistry(): Promise<void> {
    if (isRegistry) return;
    const subjects = await requests.json('/subjects');
    if (!Array.isArray(subjects.body)) {
      throw unavailable(`${url} does not answer as a schema registry (status ${subjects.status})`);
    }
    isRegistry = true;
  }

  /** The client keeps to itself why a request failed: asked again, the registry itself tells. */
  async function failed(message: string, cause: unknown): Promise<never> {
    await requests.json('/subjects');
    throw unavailable(message, cause);
  }

  async function withDeadline<T>(request: Promise<T>): Promise<T> {
    const { promise: expired, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // A request that never ends would be handed out again to whoever asks next for the same id.
      client = connect(url, requests, timeoutMs);
      reject(unavailable(`${url} does not answer within ${3 * timeoutMs} ms`));
    }, 3 * timeoutMs);
    try {
      return await Promise.race([request, expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function findWriterSchema(id: number): Promise<WriterSchema> {
    try {
      const type: unknown = await withDeadline(client.getSchema(id));
      return isAvscType(type) ? { kind: 'avro', type } : { kind: 'unusable', detail: `schema ${id} is no Avro schema` };
    } catch (error) {
      if (error instanceof LastseenError) throw error;
      const status = statusOf(error);
      if (status !== undefined && status !== 404) return await failed(`${url} does not give schema ${id}`, error);
      await makeSureOfRegistry();
      return status === 404 ? { kind: 'unknown' } : { kind: 'unusable', detail: `schema ${id} cannot be read as Avro` };
    }
  }

  return {
    async writerSchema(id) {
      const known = missing.get(id);
      if (known !== undefined) return known;
      const found = await findWriterSchema(id);
      if (found.kind !== 'avro') {
        missing.set(id, found);
        setTimeout(() => missing.delete(id), negativeCacheMs).unref();
      }
      return found;
    },

    async idOf(subject, schema) {
      const path = `/subjects/${encodeURIComponent(subject)}`;
      const { status, body } = await requests.json(path, { schema: JSON.stringify(schema) });
      if (status === 404) {
        await makeSureOfRegistry();
        return undefined;
      }
      const { id } = (body ?? {}) as { id?: unknown };
      if (status !== 200 || typeof id !== 'number') {
        throw unavailable(`${url} does not give the id of ${subject} (status ${status})`);
      }
      return id;
    },

    async register(subject, schema) {
      try {
        const compatibility = COMPATIBILITY.BACKWARD;
        const { id } = await withDeadline(client.register(schema, { subject, compatibility }));
        return id;
      } catch (error) {
        if (error instanceof LastseenError) throw error;
        const status = statusOf(error);
        const refused = status === undefined || status === 409 || status === 422;
        if (!refused) return await failed(`${url} does not register ${subject}`, error);
        throw new LastseenError('schema_incompatible', `${subject}: ${(error as Error).message}`, { cause: error });
      }
    },

    async incompatibilities(subject, schema) {
      const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`;
      const { status, body } = await requests.json(path, { schema: JSON.stringify(schema) });
      if (status === 404) {
        await makeSureOfRegistry();
        return [];
      }
      if (status === 422) return [`the registry calls the schema invalid: ${messageOf(body)}`];
      const verdict = body as { is_compatible?: unknown; messages?: unknown } | null;
      if (status !== 200 || typeof verdict?.is_compatible !== 'boolean') {
        throw unavailable(`${url} does not judge ${subject} (status ${status})`);
      }
      if (verdict.is_compatible) return [];
      const messages = Array.isArray(verdict.messages) ? verdict.messages.map(String) : [];
      return messages.length > 0 ? messages : ['not BACKWARD compatible'];
    },
  };
}

function connect(url: string, requests: RegistryRequests, timeoutMs: number): SchemaRegistry {
  const connection = {
    host: url,
    clientId: 'lastseen',
    agent: requests.agent,
    retry: { retries: 0 }, // the consumer waits and tries again: one policy, in one place
    middlewares: [asConfigured(requests, timeoutMs)],
  };
  return new SchemaRegistry(connection, { [SchemaType.AVRO]: { typeHook: writerTypeHook } });
}

type Middlewares = NonNullable<ConstructorParameters<typeof SchemaRegistry>[0]['middlewares']>;

function asConfigured({ authorization }: RegistryRequests, timeoutMs: number): Middlewares[number] {
  const headers = authorization === undefined ? {} : { authorization };
  return () => ({ prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs, headers }) });
}

/** The client's errors carry the answer's status; those of a schema that it cannot read carry none. */
function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error ? (error as { status?: unknown }).status : undefined;
  return typeof status === 'number' ? status : undefined;
}

function isAvscType(value: unknown): value is Type {
  return avro.Type.isType(value);
}

function messageOf(body: unknown): string {
  const message = typeof body === 'object' && body !== null ? (body as { message?: unknown }).message : undefined;
  return typeof message === 'string' ? message : 'it says no more';
}
