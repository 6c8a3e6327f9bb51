import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createGrowthService } from '../../../src/kpi/inputs/growth-service-client.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** A service that answers with `answer`, and counts requests and concurrent requests. */
async function service(answer: (question: { mean: number }, response: ServerResponse) => void | Promise<void>) {
  const seen = { asked: 0, atOnce: 0, most: 0 };
  const server = createServer(async (request, response) => {
    seen.asked += 1;
    seen.atOnce += 1;
    seen.most = Math.max(seen.most, seen.atOnce);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    await new Promise((done) => setTimeout(done, 5));
    seen.atOnce -= 1;
    await answer(JSON.parse(String(Buffer.concat(chunks))), response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push({ close: () => server.closeAllConnections() }, server);
  const failures: string[] = [];
  const predict = createGrowthService({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    onFailure: (error) => failures.push(error.message),
    timeoutMs: 1_000,
  });
  return { predict, failures, seen };
}

const questions = (count: number) => Array.from({ length: count }, (_, mean) => ({ mean, sd: 1, target: 0 }));

describe('the growth service', () => {
  it('is asked a few questions at once, and answers each', async () => {
    const { predict, failures, seen } = await service(({ mean }, response) => {
      response.end(JSON.stringify({ probability: mean / 100 }));
    });
    const asked = questions(40);
    expect(await predict(asked)).toEqual(new Map(asked.map((each) => [each, each.mean / 100])));
    expect(seen.most).toBeLessThanOrEqual(4);
    expect(failures).toEqual([]);
  });

  it('has no answer for an error status, another body, or a timeout', async () => {
    const { predict, failures } = await service(({ mean }, response) => {
      if (mean === 0) response.writeHead(503).end();
      else if (mean === 1) response.end('{"probability": "high"}');
      else if (mean === 2) response.end('sorry');
      else if (mean === 4) response.end('{"probability": 0.5}');
    });
    const asked = questions(5);
    expect(await predict(asked)).toEqual(new Map([[asked[4], 0.5]]));
    expect(failures).toHaveLength(4);
  });

  it('is not asked further in a batch after five failures', async () => {
    const { predict, failures, seen } = await service((_, response) => {
      response.writeHead(500).end();
    });
    expect(await predict(questions(1_000))).toEqual(new Map());
    expect(seen.asked).toBeLessThan(10);
    expect(failures.length).toBeLessThan(10);
    // The next batch asks again.
    await predict(questions(1));
    expect(failures.length).toBeGreaterThan(5);
  });

  it('gives no answers, and does not throw, if it cannot be reached', async () => {
    const predict = createGrowthService({ url: 'http://127.0.0.1:1', onFailure: () => {} });
    expect(await predict(questions(2))).toEqual(new Map());
    expect(await predict([])).toEqual(new Map());
  });
});
