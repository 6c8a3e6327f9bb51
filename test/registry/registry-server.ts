import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (response: ServerResponse, body: string) => void;

export interface RegistryServer extends AsyncDisposable {
  readonly url: string;
  /** `GET /path` of every request so far. */
  readonly requests: string[];
  /** Answers by `GET /path` (without the base). All other requests get the registry's 404. */
  readonly answers: Map<string, Answer>;
}

export const answerJson =
  (status: number, body: unknown): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
  };

export const answerSchema = (schema: object, more: object = {}) =>
  answerJson(200, { schema: JSON.stringify(schema), ...more });

/**
 * A fake schema registry that gives a test's answers.
 *
 * @param toAll answers every request, as a server that is no registry does
 */
export async function startRegistryServer(base = '/apis/ccompat/v7', toAll?: Answer): Promise<RegistryServer> {
  const requests: string[] = [];
  const answers = new Map<string, Answer>([['GET /subjects', answerJson(200, [])]]);
  const notFound = answerJson(404, { error_code: 40403, message: 'Schema not found' });
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').slice(base.length);
    const call = `${request.method} ${path}`;
    requests.push(call);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    (toAll ?? answers.get(call) ?? notFound)(response, body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    requests,
    answers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
