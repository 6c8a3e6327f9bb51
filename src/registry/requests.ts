import { once } from 'node:events';
import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { text } from 'node:stream/consumers';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { tlsRefusal } from '../runtime/tls-refusal.ts';

export type RegistryLogin =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

export interface RegistryAccess {
  /** The CA certificates for the registry in PEM; default: those of Node. */
  readonly ca?: string | undefined;
  readonly login?: RegistryLogin | undefined;
}

interface Answer {
  readonly status: number;
  /** Undefined if it is not JSON. */
  readonly body: unknown;
}

/** Connection settings of the registry, for our requests and those of the client library. */
export interface RegistryRequests {
  readonly agent: PlainAgent;
  /** The login, if there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * GET, or POST if there is a body.
   *
   * @throws LastseenError `registry_unavailable`, or `registry_refused` if waiting does not help.
   */
  json(path: string, body?: object): Promise<Answer>;
}

export function createRegistryRequests(url: string, access: RegistryAccess, timeoutMs: number): RegistryRequests {
  const overTls = url.startsWith('https:');
  const agent = overTls ? new TlsAgent({ ca: access.ca, keepAlive: true }) : new PlainAgent({ keepAlive: true });
  const headers = access.login === undefined ? {} : { authorization: authorizationOf(access.login) };

  async function send(path: string, body: string | undefined): Promise<Answer> {
    const request = (overTls ? requestTls : requestPlain)(url + path, {
      agent,
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, 'content-type': 'application/vnd.schemaregistry.v1+json' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => {}); // from here on the response has the error
    return { status: must(response.statusCode, 'a response has a status'), body: parseJson(await text(response)) };
  }

  return {
    agent,
    headers,
    async json(path, body) {
      let answer: Answer;
      try {
        answer = await send(path, body && JSON.stringify(body));
      } catch (error) {
        const reason = tlsRefusal(error);
        if (reason === undefined) {
          const why = `the schema registry ${url} does not answer (${reasonOf(error as Error)})`;
          throw unavailable(`${why}: start it, or correct SCHEMA_REGISTRY_URL`, error);
        }
        throw refused(`no safe connection to the schema registry ${url}: ${reason}`, error);
      }
      if (answer.status !== 401 && answer.status !== 403) return answer;
      const hint = 'check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN';
      throw refused(`the schema registry ${url} denied access (status ${answer.status}): ${hint}`);
    },
  };
}

function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (error.code === 'EPROTO') return 'EPROTO: it does not use TLS on this port';
  if (error.name === 'AbortError') return 'within SCHEMA_REGISTRY_TIMEOUT';
  return typeof error.code === 'string' ? error.code : error.message;
}

export function unavailable(message: string, cause?: unknown): LastseenError {
  return new LastseenError('registry_unavailable', message, { retriable: true, cause });
}

function refused(message: string, cause?: unknown): LastseenError {
  return new LastseenError('registry_refused', message, { cause });
}

function authorizationOf(login: RegistryLogin): string {
  if (login.kind === 'bearer') return `Bearer ${login.token}`;
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
