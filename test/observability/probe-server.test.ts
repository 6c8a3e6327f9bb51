import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { serveProbes } from '../../src/observability/probe-server.ts';

const STATE = {
  whyDead: () => undefined,
  whyNotReady: async () => [],
  metrics: async () => ({ contentType: 'text/plain', text: 'metric 1\n' }),
};

describe('the HTTP server of a process', () => {
  it('lists its pages at /, and serves each', async () => {
    const probes = await serveProbes({ host: '127.0.0.1', port: 0 }, STATE);
    try {
      const list = await fetch(`${probes.address}/`);
      expect(list.status).toBe(200);
      const pages = [...(await list.text()).matchAll(/^\/\w+/gm)].map(([page]) => page);
      expect(pages).toEqual(['/healthz', '/readyz', '/metrics']);
      for (const page of pages) expect((await fetch(probes.address + page)).status).toBe(200);
      expect((await fetch(`${probes.address}/nonsense`)).status).toBe(404);
    } finally {
      await probes.close();
    }
  });

  it('reports a port that another process uses as wrong configuration', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(serveProbes({ host: '127.0.0.1', port }, STATE)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(`${port}.*EADDRINUSE.*HTTP_PORT`),
    });
    other.close();
  });

  it.each(['198.51.100.7', 'nowhere.invalid'])('reports a host that is none of this machine: %s', async (host) => {
    await expect(serveProbes({ host, port: 0 }, STATE)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('HTTP_HOST'),
    });
  });
});
