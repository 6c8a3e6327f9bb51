import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asRole } from '../../stack/roles.ts';
import { startProxy, type TcpProxy } from '../faults/proxy.ts';
import type { StartedCli } from '../support/lastseen-cli.ts';
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

/** Resolves with what was written to the log, once that matches. */
function logged(run: StartedCli, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    run.process.stderr?.on('data', (more: string) => {
      text += more;
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    });
    run.ended.then(({ stderr }) => reject(new Error(`ended without ${pattern}:\n${stderr}`)));
  });
}

async function start(env: Record<string, string>) {
  const run = world.start({ ...viaProxy, ...env }, 'track');
  const [, address] = await logged(run, /"address":"(http:\/\/[^"]+)"/);
  const port = new URL(address ?? '').port;
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return {
    run,
    ask,
    ready: () => until(async () => (await ask('/readyz')).status === 200),
    async metric(name: string): Promise<number | undefined> {
      const line = (await ask('/metrics')).text.split('\n').find((at) => at.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(' ')[1]);
    },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come to that within a minute');
}

describe('a running track', () => {
  it('is ready once it has joined, and shows its sources fresh', async () => {
    const { run, ask, ready, metric } = await start({});
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining('not a member') });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    await see(1, 10);
    await ready();
    await until(async () => (await metric('lastseen_source_fresh{source="session"}')) === 1);
    await until(
      async () => (await metric('lastseen_records_total{source="session",outcome="applied",reason=""}')) === 10,
    );
    expect(await metric('lastseen_outbox_waiting{outbox="inactivity"}')).toBe(0);
    expect(await metric('lastseen_sweeps_held')).toBe(0);
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  it('is alive, not ready, and keeps its membership while Postgres is gone for longer than its session', async () => {
    const { run, ask, ready, metric } = await start({ QUEUE_MAX_BYTES: '1000', KAFKA_SESSION_TIMEOUT: '3s' });
    await ready();
    const joins = await metric('lastseen_group_joins_total');
    postgres.cut('reset');
    await see(11, 500);
    // The first five waits add up to more than the session's three seconds.
    await until(async () => ((await metric('lastseen_outage_waits_total{code="postgres_unavailable"}')) ?? 0) > 5);
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringMatching(/^{"ready":false,"reasons":\["Postgres is not available: [^"]*"\]}$/),
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    expect(await metric('lastseen_group_joins_total')).toBe(joins);
    postgres.restore();
    await ready();
    await until(async () => (await seen()) === 500);
    expect(await metric('lastseen_group_joins_total')).toBe(joins);
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  it('stopped while a transaction hangs and the queue is full, ends in time with what is left to be read again', async () => {
    const { run, ask, ready } = await start({ QUEUE_MAX_BYTES: '1000', STOP_WITHIN: '10s' });
    await ready();
    postgres.cut('silence');
    await see(501, 1_000);
    await world.delivered();
    await until(async () => (await ask('/readyz')).status === 503);
    run.process.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/^lastseen track: (not all could be finished in time|Postgres is not available)/m);
    expect(stderr).not.toContain('stop_overdue');
    expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
    expect(await seen()).toBe(1_000);
  });

  it('stopped in an outage that it waits for, ends without waiting for its end', async () => {
    const { run, ready } = await start({ STOP_WITHIN: '1h' });
    await ready();
    postgres.cut('reset');
    await see(1_001, 1_010);
    await logged(run, /"event":"outage"/);
    run.process.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('lastseen track: Postgres is not available');
  });

  it('stopped while its group rebalances, leaves it', async () => {
    const first = await start({});
    await first.ready();
    const rebalancing = logged(first.run, /rebalancing/);
    const second = await start({});
    await rebalancing;
    first.run.process.kill('SIGTERM');
    expect(await first.run.ended).toMatchObject({ code: 0 });
    await second.ready();
    second.run.process.kill('SIGTERM');
    expect(await second.run.ended).toMatchObject({ code: 0 });
    expect(await seen()).toBe(1_010);
  });

  it('waits for Kafka at its start, and can be stopped before it has ever joined', async () => {
    const nowhere = await startProxy(1);
    nowhere.cut('reset');
    const { run, ask } = await start({ KAFKA_BROKERS: `127.0.0.1:${nowhere.port}`, STOP_WITHIN: '1h' });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    expect(await ask('/readyz')).toMatchObject({ status: 503 });
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 0 });
    await nowhere.close();
  });
});
