import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from '../../stack/servers/certificates.ts';

export const REGISTRY_USER = 'lastseen';
export const REGISTRY_PASSWORD = 'canary-registry-password';
export const REGISTRY_TOKEN = 'canary-registry-token';

const ACCEPTED = [
  `Basic ${Buffer.from(`${REGISTRY_USER}:${REGISTRY_PASSWORD}`).toString('base64')}`,
  `Bearer ${REGISTRY_TOKEN}`,
];

export interface RegistryFront {
  readonly url: string;
  close(): Promise<void>;
}

/** A proxy with TLS and a login in front of the registry: passes authorized requests on, and answers 401 to others. */
export async function startRegistryFront(registryUrl: string, shows: Certificate): Promise<RegistryFront> {
  const target = new URL(registryUrl);
  const server = createServer({ cert: shows.certificate, key: shows.key }, (asked, answer) => {
    if (!ACCEPTED.includes(asked.headers.authorization ?? '')) return void answer.writeHead(401).end();
    const { authorization: _, host: __, ...headers } = asked.headers;
    const forwarded = request(
      { hostname: target.hostname, port: target.port, path: asked.url, method: asked.method, headers },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    forwarded.on('error', () => answer.writeHead(502).end());
    asked.pipe(forwarded);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
