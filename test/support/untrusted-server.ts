import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from '../../stack/servers/certificates.ts';

export interface UntrustedServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A TLS server with a certificate that clients must not trust. With `asPostgres` it first agrees to TLS as Postgres does.
 */
export async function startUntrustedServer(shows: Certificate, asPostgres = false): Promise<UntrustedServer> {
  const secureContext = createSecureContext({ cert: shows.certificate, key: shows.key });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const secure = () => {
      new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {});
    };
    if (!asPostgres) return secure();
    socket.once('readable', () => {
      socket.read(8);
      socket.write('S');
      secure();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
