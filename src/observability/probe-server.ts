import fastify, { type FastifyReply } from 'fastify';
import { LastseenError } from '../runtime/errors.ts';

/** The state of a running process, for its probes and scrapes. */
export interface ProcessState {
  /** Why the process should be restarted; undefined while it is alive. */
  readonly whyDead: () => string | undefined;
  /** Why the process cannot work now; empty if it can. */
  readonly whyNotReady: () => Promise<readonly string[]>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface Probes {
  readonly address: string;
  close(): Promise<void>;
}

interface Listening {
  readonly host: string;
  readonly port: number;
}

/** @throws LastseenError `config_invalid` if it cannot listen there */
export async function serveProbes(at: Listening, state: ProcessState): Promise<Probes> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  const verdict = (reply: FastifyReply, ok: boolean, body: object) =>
    reply
      .code(ok ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(body);

  server.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(PAGES));
  server.get('/healthz', (_request, reply) => {
    const why = state.whyDead();
    return verdict(reply, why === undefined, { alive: why === undefined, reasons: why === undefined ? [] : [why] });
  });
  server.get('/readyz', async (_request, reply) => {
    const reasons = await state.whyNotReady();
    return verdict(reply, reasons.length === 0, { ready: reasons.length === 0, reasons });
  });
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await state.metrics();
    return reply.header('content-type', contentType).send(text);
  });
  const address = await server.listen(at).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(at, error);
  });
  return { address, close: () => server.close() };
}

const PAGES = `lastseen

/healthz  200 while the process works; 503 if it should be restarted, with the reasons
/readyz   200 if it can work now; 503 if it waits, with the reasons
/metrics  metrics for Prometheus
`;

function cannotListen({ host, port }: Listening, error: NodeJS.ErrnoException): Error {
  const why = REASONS[error.code ?? ''];
  if (why === undefined) return error;
  return new LastseenError('config_invalid', `cannot serve HTTP on ${host}, port ${port} (${error.code}): ${why}`, {
    cause: error,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses the port; end it, or set another HTTP_PORT',
  EACCES: 'this process may not use the port; set HTTP_PORT to 1024 or higher',
  EADDRNOTAVAIL: 'HTTP_HOST is no address of this machine',
  EAFNOSUPPORT: 'HTTP_HOST is no address of this machine',
  ENOTFOUND: 'the name in HTTP_HOST is not known',
  EAI_AGAIN: 'the name in HTTP_HOST is not known',
};
