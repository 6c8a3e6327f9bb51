import fastify, { type FastifyReply } from 'fastify';

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

export async function serveProbes(at: { host: string; port: number }, state: ProcessState): Promise<Probes> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  const verdict = (reply: FastifyReply, ok: boolean, body: object) =>
    reply
      .code(ok ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(body);

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
  return { address: await server.listen(at), close: () => server.close() };
}
