import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro, { type Type } from 'avsc';
import { z } from 'zod';
import { LastseenError } from '../runtime/errors.ts';
import { withAbort } from '../runtime/waiting.ts';
import { createRegistryRequests, type RegistryAccess, type RegistryRequests, unavailable } from './requests.ts';
import { writerTypeHook } from './writer-type.ts';

export interface RegistryOptions extends RegistryAccess {
  /** The base URL of the Confluent-compatible API, e.g. `http://registry:8080/apis/ccompat/v7`. */
  readonly url: string;
  /** Per request. Calls that need several requests have three times as long. */
  readonly timeoutMs: number;
  /** How long an unknown schema id is cached before it is requested again. */
  readonly negativeCacheMs: number;
}

/** The schema of an id. */
export type WriterSchema =
  | { readonly kind: 'avro'; readonly type: Type }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly detail: string };

/**
 * Every method throws `registry_unavailable` (retriable) if the registry does not answer, or does not answer as a schema
 * registry, and `registry_refused` if TLS or the login fails.
 */
export interface Registry {
  writerSchema(id: number): Promise<WriterSchema>;
  /**
   * The id of exactly this schema under the subject; `undefined` if it is not registered. Not the latest id: during a
   * rollout the latest schema may be newer than the one that this process writes.
   */
  idOf(subject: string, schema: OwnSchema): Promise<number | undefined>;
  /** Registers the schema as BACKWARD compatible; idempotent. Throws `schema_incompatible`. */
  register(subject: string, schema: OwnSchema): Promise<number>;
  /** Why the schema cannot be the subject's next version; empty if it can. */
  incompatibilities(subject: string, schema: OwnSchema): Promise<string[]>;
}

export interface OwnSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly fields: object[];
}

/**
 * Works around its client library, which caches schemas forever but never a 404 (confluent-schema-registry#301), has no
 * timeout, reports refused connections as status 400, and waits forever for an interrupted response. So every call has a
 * deadline, every status but 404 is an outage, and a 404 counts only if the address is that of a schema registry (a wrong
 * path must not turn a topic into dead letters).
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { timeoutMs, negativeCacheMs } = options;
  const url = options.url.replace(/\/+$/, '');
  const requests = createRegistryRequests(url, options, timeoutMs);
  let client = connect(url, requests, timeoutMs);
  const negativeCache = new Map<number, WriterSchema>();
  let isRegistry = false;

  async function assertIsRegistry(): Promise<void> {
    if (!isRegistry) await askWhetherRegistry();
    isRegistry = true;
  }

  async function askWhetherRegistry(): Promise<void> {
    const { status, body } = await requests.json('/subjects');
    if (!Array.isArray(body)) {
      throw unavailable(
        `${url} does not answer as a schema registry (status ${status}): correct host, port and path of ` +
          'SCHEMA_REGISTRY_URL; the path of Apicurio is /apis/ccompat/v7',
      );
    }
  }

  /** The client library hides why a request failed, so a request of our own finds out. */
  async function throwReason(message: string, cause: unknown): Promise<never> {
    await (isClientError(statusOf(cause)) ? askWhetherRegistry() : requests.json('/subjects'));
    throw unavailable(`${message}: ${answerOf(cause)}`, cause);
  }

  async function withDeadline<T>(request: Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout(3 * timeoutMs);
    try {
      return await withAbort(deadline, request);
    } catch (error) {
      if (!deadline.aborted) throw error;
      // The client library shares a pending request between all callers for the same id, even if it never ends.
      client = connect(url, requests, timeoutMs);
      throw unavailable(`${url} did not answer within ${3 * timeoutMs} ms`);
    }
  }

  async function findWriterSchema(id: number): Promise<WriterSchema> {
    try {
      const type: unknown = await withDeadline(client.getSchema(id));
      if (!avro.Type.isType(type)) return { kind: 'unusable', detail: `schema ${id} is not an Avro schema` };
      return { kind: 'avro', type: type as Type };
    } catch (error) {
      if (error instanceof LastseenError) throw error;
      const status = statusOf(error);
      if (status !== undefined && status !== 404)
        return await throwReason(`could not fetch schema ${id} from ${url}`, error);
      await assertIsRegistry();
      return status === 404 ? { kind: 'unknown' } : { kind: 'unusable', detail: `schema ${id} cannot be read as Avro` };
    }
  }

  /** Posts a schema. @returns undefined if the subject or the schema is unknown. */
  async function post<T>(path: string, schema: OwnSchema, answers: z.ZodType<T>, task: string): Promise<T | undefined> {
    const answer = await requests.json(path, { schema: JSON.stringify(schema) });
    if (answer.status === 404) {
      await assertIsRegistry();
      return undefined;
    }
    const { data } = answers.safeParse(answer);
    if (data !== undefined) return data;
    if (answer.status < 500) await assertIsRegistry();
    throw unavailable(`could not ${task} at ${url} (status ${answer.status})`);
  }

  return {
    async writerSchema(id) {
      const cached = negativeCache.get(id);
      if (cached !== undefined) return cached;
      const found = await findWriterSchema(id);
      if (found.kind !== 'avro') {
        negativeCache.set(id, found);
        setTimeout(() => negativeCache.delete(id), negativeCacheMs).unref();
      }
      return found;
    },

    async idOf(subject, schema) {
      const path = `/subjects/${encodeURIComponent(subject)}`;
      return (await post(path, schema, FOUND, `look up the schema of ${subject}`))?.body.id;
    },

    async register(subject, schema) {
      try {
        const compatibility = COMPATIBILITY.BACKWARD;
        const { id } = await withDeadline(client.register(schema, { subject, compatibility }));
        return id;
      } catch (error) {
        if (error instanceof LastseenError) throw error;
        const status = statusOf(error);
        if (status === undefined) await assertIsRegistry();
        const refused = status === undefined || status === 409 || status === 422;
        if (!refused) return await throwReason(`could not register ${subject} at ${url}`, error);
        const message = `the registry rejects the schema of ${subject}: ${(error as Error).message}`;
        throw new LastseenError('schema_incompatible', message, { cause: error });
      }
    },

    async incompatibilities(subject, schema) {
      const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`;
      const answer = await post(path, schema, CHECKED, `check the compatibility of ${subject}`);
      if (answer === undefined) return [];
      if (answer.status === 422) return [`the registry calls the schema invalid: ${answer.body.message}`];
      const { is_compatible: isCompatible, messages } = answer.body;
      if (isCompatible) return [];
      return messages.length > 0 ? messages : ['not BACKWARD compatible'];
    },
  };
}

const FOUND = z.object({ status: z.literal(200), body: z.object({ id: z.number() }) });
const CHECKED = z.discriminatedUnion('status', [
  z.object({
    status: z.literal(200),
    body: z.object({ is_compatible: z.boolean(), messages: z.array(z.string()).catch([]) }),
  }),
  z.object({ status: z.literal(422), body: z.object({ message: z.string().catch('no message') }) }),
]);

const CLIENT_ID = 'lastseen';

function connect(url: string, { agent, headers }: RegistryRequests, timeout: number): SchemaRegistry {
  return new SchemaRegistry(
    {
      host: url,
      clientId: CLIENT_ID,
      agent,
      retry: { retries: 0 }, // the callers wait for outages: one policy, in one place
      middlewares: [() => ({ prepareRequest: async (next) => (await next()).enhance({ timeout, headers }) })],
    },
    { [SchemaType.AVRO]: { typeHook: writerTypeHook } },
  );
}

/** The status of the response; undefined if the client library could not read the schema. */
function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error ? (error as { status?: unknown }).status : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Also the 400 of the client library, for a connection that was refused. */
function isClientError(status: number | undefined): boolean {
  return status !== undefined && status < 500;
}

/** The status and message of the registry's answer, from an error of the client library (`lastseen - MESSAGE`). */
function answerOf(error: unknown): string {
  const message = (error as Error).message.replace(`${CLIENT_ID} - `, '').trim();
  const status = `status ${statusOf(error)}`;
  return message === '' || message.startsWith('Error, status') ? status : `${status}, ${message}`;
}
