import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { asRole } from '../../stack/roles.ts';
import { startProxy, type TcpProxy } from '../faults/proxy.ts';
import { logLine } from '../support/machine-format.ts';
import { step } from '../support/step.ts';
import { waitFor, waitForLog } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
/** Between `track` and its Postgres. */
let postgres: TcpProxy;
let viaProxy: { DATABASE_URL: string; HTTP_PORT: string };
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
  await world.connect();
  const url = new URL(asRole(world.env['DATABASE_URL'] ?? '', 'track'));
  postgres = await startProxy(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(postgres.port);
  viaProxy = { DATABASE_URL: url.href, HTTP_PORT: '0' };
});
afterAll(async () => {
  await world.close();
  await postgres.close();
});
beforeEach(() => postgres.restore());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });
const see = (from: number, to: number) =>
  sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || n, 'user-' || n, timestamptz '2026-03-01Z' FROM generate_series(${from}, ${to}) n`);
const seen = async () => (await sql('SELECT FROM lastseen.user_last_seen')).count;

async function start(env: Record<string, string>) {
  const run = world.start({ ...viaProxy, ...env }, 'track');
  const [, address] = await waitForLog(run, /"address":"(http:\/\/[^"]+)"/);
  const port = new URL(address ?? '').port;
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return {
    run,
    ask,
    ready: () => waitFor('track is ready', async () => (await ask('/readyz')).status === 200),
    async metric(name: string): Promise<number | undefined> {
      const line = (await ask('/metrics')).text.split('\n').find((at) => at.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(' ')[1]);
    },
  };
}

test('a running track reports its state, survives outages and stops in time', { timeout: 600_000 }, async () => {
  await step('is ready after it joined, and reports its sources as fresh', async () => {
    const { run, ask, ready, metric } = await start({});
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining('not a member') });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    await see(1, 10);
    await ready();
    await waitFor('session is fresh', async () => (await metric('lastseen_source_fresh{source="session"}')) === 1);
    await waitFor(
      '10 records are applied',
      async () => (await metric('lastseen_records_total{source="session",outcome="applied",reason=""}')) === 10,
    );
    expect(await metric('lastseen_outbox_waiting{outbox="inactivity"}')).toBe(0);
    expect(await metric('lastseen_sweeps_held')).toBe(0);
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  await step('keeps its membership in an outage of Postgres longer than the session timeout', async () => {
    const { run, ask, ready, metric } = await start({ QUEUE_MAX_BYTES: '1000', KAFKA_SESSION_TIMEOUT: '3s' });
    await ready();
    const joins = await metric('lastseen_group_joins_total');
    postgres.cut('reset');
    await see(11, 500);
    // The first five waits add up to more than the session's three seconds.
    await waitFor(
      'more than 5 waits for Postgres',
      async () => ((await metric('lastseen_outage_waits_total{code="postgres_unavailable"}')) ?? 0) > 5,
    );
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringMatching(
        /^{"ready":false,"reasons":\["Postgres \(DATABASE_URL\) is not available: [^"]*"\]}$/,
      ),
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    expect(await metric('lastseen_group_joins_total')).toBe(joins);
    postgres.restore();
    await ready();
    await waitFor('500 learners are seen', async () => (await seen()) === 500);
    expect(await metric('lastseen_group_joins_total')).toBe(joins);
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  await step('stops in time while a transaction hangs and the queue is full', async () => {
    const { run, ask, ready } = await start({ QUEUE_MAX_BYTES: '1000', STOP_WITHIN: '10s' });
    await ready();
    postgres.cut('silence');
    await see(501, 1_000);
    await world.waitForDelivery();
    await waitFor('track is not ready', async () => (await ask('/readyz')).status === 503);
    run.process.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/^lastseen track: (stopped by a signal|Postgres \(DATABASE_URL\) is not available)/m);
    expect(stderr).not.toMatch(logLine('shutdown_expired'));
    expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
    expect(await seen()).toBe(1_000);
    postgres.restore();
  });

  await step('stops during an outage without waiting for its end', async () => {
    const { run, ready, metric } = await start({ STOP_WITHIN: '1h' });
    await ready();
    postgres.cut('reset');
    await see(1_001, 1_010);
    // Not the log: a sample may report the outage before there are records to write.
    const waits = 'lastseen_outage_waits_total{code="postgres_unavailable"}';
    await waitFor('track waits to write', async () => ((await metric(waits)) ?? 0) > 0);
    run.process.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('lastseen track: Postgres (DATABASE_URL) is not available');
    postgres.restore();
  });

  await step('leaves the group when it is stopped during a rebalance', async () => {
    const first = await start({});
    await first.ready();
    const rebalancing = waitForLog(first.run, /rebalancing/);
    const second = await start({});
    await rebalancing;
    first.run.process.kill('SIGTERM');
    expect(await first.run.ended).toMatchObject({ code: 0 });
    await second.ready();
    second.run.process.kill('SIGTERM');
    expect(await second.run.ended).toMatchObject({ code: 0 });
    expect(await seen()).toBe(1_010);
  });
});

test('track waits for Kafka at its start, and stops before it has joined', async () => {
  const nowhere = await startProxy(1);
  nowhere.cut('reset');
  const { run, ask } = await start({ KAFKA_BROKERS: `127.0.0.1:${nowhere.port}`, STOP_WITHIN: '1h' });
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  expect(await ask('/readyz')).toMatchObject({ status: 503 });
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ code: 0 });
  await nowhere.close();
});
