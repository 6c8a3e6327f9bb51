import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { waitForLog } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

/** Debezium writes these names if it does not adjust them. Apicurio stores their schemas but refuses to return them. */
const PREFIX = `2-odd-${randomBytes(4).toString('hex')}`;
const NOT_ADJUSTED = { 'schema.name.adjustment.mode': 'none', 'field.name.adjustment.mode': 'none' };

let world: World;
beforeAll(async () => {
  world = await createWorld({ env: { TOPIC_PREFIX: PREFIX }, connector: { 'topic.prefix': PREFIX, ...NOT_ADJUSTED } });
  await world.database.query({ text: 'ALTER TABLE session ADD COLUMN "größe-2" int DEFAULT 1' });
  await world.prepare();
});
afterAll(() => world.close());

/** The registry, but it returns stored schemas as they are, as Confluent's registry does. */
async function startLenientRegistry() {
  const { registryUrl, registryV2Url } = inject('stack');
  const server = createServer(async (asked, response) => {
    const { url = '', method = 'GET', headers } = asked;
    const id = /\/schemas\/ids\/(\d+)/.exec(url)?.[1];
    if (id !== undefined) {
      const stored = await fetch(`${registryV2Url}/ids/contentIds/${id}`);
      return void response.end(JSON.stringify({ schema: await stored.text() }));
    }
    const type = { 'content-type': headers['content-type'] ?? '' };
    const answer = await fetch(
      `${registryUrl}${url}`,
      method === 'GET' ? {} : { method, headers: type, body: await text(asked) },
    );
    response.writeHead(answer.status).end(await answer.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('names that are not adjusted to Avro are read, or the refusal of the registry is shown', async () => {
  await world.database.query({
    text: `INSERT INTO session (id, user_id, started_at) VALUES ('s-1', 'anna', '2026-03-06T01:02:03.123456Z')`,
  });
  await world.connect();
  await world.waitForDelivery();
  const env = { REPLICATION_SLOT: world.name };
  const waiting = world.start(env, 'track');
  await waitForLog(waiting, /could not fetch schema \d+ from \S+: status 400, Failed to discover artifact type/);
  waiting.process.kill('SIGTERM');
  await waiting.ended;

  const registry = await startLenientRegistry();
  try {
    const tracked = await world.lastseenWith(
      { ...env, SCHEMA_REGISTRY_URL: registry.url },
      'track',
      '--until-end',
      '--json',
    );
    expect(tracked, tracked.stderr).toMatchObject({ code: 0 });
  } finally {
    registry.close();
  }
  const audited = await world.lastseenWith(env, 'audit', '--json');
  expect(audited.json(), audited.stderr).toMatchObject({ status: 'clean', learners: 1 });
});
