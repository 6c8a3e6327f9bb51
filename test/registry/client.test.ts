import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type OwnSchema, type Registry } from '../../src/registry/client.ts';
import type { RegistryLogin } from '../../src/registry/requests.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { type Answer, answerJson, answerSchema, type RegistryServer, startRegistryServer } from './registry-server.ts';

const SCHEMA: OwnSchema = {
  type: 'record',
  name: 'Event',
  namespace: 'lastseen.v1',
  fields: [{ name: 'at', type: 'long' }],
};
const OUTAGE = { code: 'registry_unavailable', retriable: true };

let server: RegistryServer;
let registry: Registry;

beforeEach(async () => {
  server = await startRegistryServer();
  registry = createRegistry({ url: `${server.url}/`, timeoutMs: 200, negativeCacheMs: 100 });
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const callsOf = (each: Registry): readonly (() => Promise<unknown>)[] => [
  () => each.writerSchema(7),
  () => each.idOf('s', SCHEMA),
  () => each.incompatibilities('s', SCHEMA),
  () => each.register('s', SCHEMA),
];

const requestCount = (call: string) => server.requests.filter((request) => request === call).length;

describe("a writer's schema", () => {
  it('is requested once by concurrent callers', async () => {
    server.answers.set('GET /schemas/ids/7', answerSchema(SCHEMA));
    const found = await Promise.all([registry.writerSchema(7), registry.writerSchema(7)]);
    expect(await registry.writerSchema(7)).toMatchObject({ kind: 'avro' });
    expect(found).toMatchObject([{ kind: 'avro' }, { kind: 'avro' }]);
    expect(requestCount('GET /schemas/ids/7')).toBe(1);
  });

  it('that is unknown is cached for a while', async () => {
    expect(await registry.writerSchema(8)).toEqual({ kind: 'unknown' });
    expect(await registry.writerSchema(8)).toEqual({ kind: 'unknown' });
    expect(requestCount('GET /schemas/ids/8')).toBe(1);
    server.answers.set('GET /schemas/ids/8', answerSchema(SCHEMA));
    await sleep(150);
    expect(await registry.writerSchema(8)).toMatchObject({ kind: 'avro' });
  });

  it.each<[string, Answer]>([
    ['is JSON Schema', answerSchema({ type: 'object' }, { schemaType: 'JSON' })],
    ['has a type that Avro does not have', answerSchema({ ...SCHEMA, fields: [{ name: 'a', type: 'timestamp' }] })],
    ['is not JSON', answerJson(200, { schema: '{' })],
  ])('that %s is unusable, which is not an outage', async (_name, answer) => {
    server.answers.set('GET /schemas/ids/9', answer);
    expect(await registry.writerSchema(9)).toMatchObject({ kind: 'unusable' });
  });

  it('may have an invalid default', async () => {
    const fields = [{ name: 'at', type: ['null', 'long'], default: 'epoch' }];
    server.answers.set('GET /schemas/ids/7', answerSchema({ ...SCHEMA, fields }));
    expect(await registry.writerSchema(7)).toMatchObject({ kind: 'avro' });
  });
});

describe('an outage is retriable, and never an unknown schema', () => {
  it.each<[string, Answer]>([
    ['answers 500', answerJson(500, { error_code: 50001, message: 'down' })],
    ['answers 503 with HTML', (response) => response.writeHead(503).end('<html>')],
    ['answers 401', answerJson(401, {})],
    ['does not answer', () => {}],
    [
      'closes the connection within its answer',
      (response) => response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    ],
    ['closes the connection without an answer', (response) => response.destroy()],
  ])('when the registry %s', async (_name, answer) => {
    server.answers.set('GET /schemas/ids/7', answer);
    await expect(registry.writerSchema(7)).rejects.toMatchObject(OUTAGE);
    server.answers.set('GET /schemas/ids/7', answerSchema(SCHEMA));
    expect(await registry.writerSchema(7)).toMatchObject({ kind: 'avro' });
  });

  it('when the registry refuses one id, with its status and message', async () => {
    server.answers.set('GET /schemas/ids/7', answerJson(422, { error_code: 42201, message: 'Invalid name: my-app' }));
    await expect(registry.writerSchema(7)).rejects.toMatchObject({
      ...OUTAGE,
      message: `could not fetch schema 7 from ${server.url}: status 422, Invalid name: my-app`,
    });
  });

  it('when the registry refuses one id without a message, with its status', async () => {
    server.answers.set('GET /schemas/ids/7', (response) => response.writeHead(410).end());
    const message = `could not fetch schema 7 from ${server.url}: status 410`;
    await expect(registry.writerSchema(7)).rejects.toMatchObject({ ...OUTAGE, message });
  });

  it('when nothing listens', async () => {
    const nowhere = createRegistry({ url: 'http://127.0.0.1:1/apis', timeoutMs: 200, negativeCacheMs: 100 });
    const refused = { ...OUTAGE, message: expect.stringMatching(/ECONNREFUSED.*SCHEMA_REGISTRY_URL/) };
    for (const call of callsOf(nowhere)) await expect(call()).rejects.toMatchObject(refused);
  });

  it.each<[string, Answer]>([
    ['answers 404 to all requests', (response) => response.writeHead(404).end('no such page')],
    ['answers 200 with HTML to all requests', (response) => response.writeHead(200).end('<html>')],
  ])('when the address is not a registry and %s', async (_name, answer) => {
    await using other = await startRegistryServer('', answer);
    const wrong = createRegistry({ url: other.url, timeoutMs: 200, negativeCacheMs: 100 });
    const message = expect.stringMatching(/does not answer as a schema registry.*SCHEMA_REGISTRY_URL/);
    for (const call of callsOf(wrong)) await expect(call()).rejects.toMatchObject({ ...OUTAGE, message });
  });

  it('when it is away after it has answered, with the reason', async () => {
    expect(await registry.idOf('s', SCHEMA)).toBeUndefined();
    await server[Symbol.asyncDispose]();
    const message = expect.stringContaining('ECONNREFUSED');
    for (const call of callsOf(registry)) await expect(call()).rejects.toMatchObject({ ...OUTAGE, message });
    server = await startRegistryServer();
  });

  it('when it is addressed by https:// and does not use TLS, with the reason', async () => {
    const url = server.url.replace('http:', 'https:');
    const overTls = createRegistry({ url, timeoutMs: 2_000, negativeCacheMs: 100 });
    await expect(overTls.idOf('s', SCHEMA)).rejects.toMatchObject({ message: expect.stringContaining('TLS') });
  });
});

describe('credentials', () => {
  it.each<[RegistryLogin, string]>([
    [{ kind: 'basic', username: 'u', password: 'p' }, `Basic ${Buffer.from('u:p').toString('base64')}`],
    [{ kind: 'bearer', token: 't' }, 'Bearer t'],
  ])('are sent with every request: %o', async (login, expected) => {
    const seen: (string | undefined)[] = [];
    const remember: Answer = (response) => {
      seen.push(response.req.headers.authorization);
      answerJson(404, {})(response, '');
    };
    server.answers.set('GET /schemas/ids/7', remember);
    server.answers.set('POST /subjects/s', remember);
    const registryWithAuth = createRegistry({ url: server.url, login, timeoutMs: 200, negativeCacheMs: 100 });
    await registryWithAuth.writerSchema(7);
    await registryWithAuth.idOf('s', SCHEMA);
    expect(seen).toEqual([expected, expected]);
  });

  it.each([401, 403])('that are refused (%i) are not an outage, for any request', async (status) => {
    const refuse = answerJson(status, { message: 'no' });
    for (const call of ['GET /subjects', 'GET /schemas/ids/7', 'POST /subjects/s', 'GET /subjects/s/versions/latest']) {
      server.answers.set(call, refuse);
    }
    const refused = expect.objectContaining({ code: 'registry_refused', retriable: false });
    await expect(registry.writerSchema(7)).rejects.toEqual(refused);
    await expect(registry.idOf('s', SCHEMA)).rejects.toEqual(refused);
  });
});

describe('an own schema', () => {
  it('has the id of exactly this version, or none', async () => {
    expect(await registry.idOf('t-value', SCHEMA)).toBeUndefined();
    let asked: unknown;
    server.answers.set('POST /subjects/t-value', (response, body) => {
      asked = JSON.parse(JSON.parse(body).schema);
      answerJson(200, { subject: 't-value', id: 5, version: 2 })(response, body);
    });
    expect(await registry.idOf('t-value', SCHEMA)).toBe(5);
    expect(asked).toEqual(SCHEMA);
  });

  it('is registered as BACKWARD compatible', async () => {
    let compatibility = '';
    server.answers.set('POST /subjects/t-value/versions', answerJson(200, { id: 5 }));
    server.answers.set('PUT /config/t-value', (response, body) => {
      compatibility = JSON.parse(body).compatibility;
      answerJson(200, { compatibility })(response, body);
    });
    expect(await registry.register('t-value', SCHEMA)).toBe(5);
    expect(compatibility).toBe('BACKWARD');
  });

  it('that the registry refuses is not an outage', async () => {
    server.answers.set('GET /config/t-value', answerJson(200, { compatibilityLevel: 'BACKWARD' }));
    server.answers.set(
      'POST /subjects/t-value/versions',
      answerJson(409, { error_code: 409, message: 'not compatible' }),
    );
    await expect(registry.register('t-value', SCHEMA)).rejects.toMatchObject({
      code: 'schema_incompatible',
      retriable: false,
    });
  });

  it('is not registered under a subject with another compatibility', async () => {
    server.answers.set('GET /config/t-value', answerJson(200, { compatibilityLevel: 'NONE' }));
    await expect(registry.register('t-value', SCHEMA)).rejects.toBeInstanceOf(LastseenError);
    expect(requestCount('POST /subjects/t-value/versions')).toBe(0);
  });

  const CHECK = 'POST /compatibility/subjects/t-value/versions/latest?verbose=true';

  it('is compatible if the subject is new or the registry says so', async () => {
    expect(await registry.incompatibilities('t-value', SCHEMA)).toEqual([]);
    server.answers.set(CHECK, answerJson(200, { is_compatible: true }));
    expect(await registry.incompatibilities('t-value', SCHEMA)).toEqual([]);
  });

  it('has the incompatibilities that the registry reports', async () => {
    server.answers.set(CHECK, answerJson(200, { is_compatible: false, messages: ['no default for at'] }));
    expect(await registry.incompatibilities('t-value', SCHEMA)).toEqual(['no default for at']);
    server.answers.set(CHECK, answerJson(200, { is_compatible: false }));
    expect(await registry.incompatibilities('t-value', SCHEMA)).toEqual(['not BACKWARD compatible']);
    server.answers.set(CHECK, answerJson(422, { error_code: 42201, message: 'no fields' }));
    expect(await registry.incompatibilities('t-value', SCHEMA)).toEqual([
      'the registry calls the schema invalid: no fields',
    ]);
  });
});
