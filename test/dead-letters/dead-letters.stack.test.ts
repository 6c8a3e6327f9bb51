import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import { readTopicSettings } from '../../src/kafka/admin/topic-settings.ts';
import { Partitioners } from '../../src/kafka/client/driver.ts';
import { createProducer } from '../../src/kafka/client/producer.ts';
import { listGroups } from '../support/consumer-groups.ts';
import { createTopic } from '../support/new-topic.ts';
import { differenceFromSources } from '../support/source-comparison.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let session: string;
beforeAll(async () => {
  world = await createWorld();
  session = `${world.name}.public.session`;
  await world.prepare();
});
afterAll(() => world.close());

async function produce(
  topic: string,
  values: readonly (Buffer | string | null)[],
  partition = 0,
  timestamp = String(Date.now()),
): Promise<void> {
  const producer = world.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({
    topic,
    messages: values.map((value, n) => ({ key: `key-${n}`, value, partition, timestamp, headers: { trace: `t${n}` } })),
  });
  await producer.disconnect();
}

const good = (user: string, at: string) => JSON.stringify({ user_id: user, started_at: at, ended_at: null });

test('records that cannot be applied become dead letters to redrive', { timeout: 360_000 }, async () => {
  await step('a dead letter keeps bytes, origin and reason, and other records are applied', async () => {
    const poison = [
      Buffer.from([0, 0, 0, 0, 1]),
      Buffer.from([0, 0x7f, 0xff, 0xff, 0xf0, 1, 2, 3]),
      Buffer.from([1, 2]),
      Buffer.alloc(0),
      Buffer.from('{"user_id": "u", "started_at"'),
      '{"user_id": "u", "started_at": "3026-01-01T00:00:00Z", "ended_at": null}',
      '{"user_id": "u", "started_at": "1999-12-31T23:59:59.999999Z", "ended_at": null}',
      '{"user_id": "u", "ended_at": null}',
      '{"__proto__": {"user_id": "u"}, "user_id": 7, "started_at": [], "ended_at": null}',
      randomBytes(2_000),
    ];
    await produce(session, [
      ...Array.from({ length: 300 }, (_, n) => good(`u${n}`, '2026-03-01T00:00:00.000001Z')),
      ...poison,
      null,
    ]);
    // The instant is half an hour ago, and half an hour after the timestamp of the record.
    const late = new Date(Date.now() - 1_800_000).toISOString();
    await produce(session, [good('late', late)], 0, String(Date.now() - 3_600_000));
    const run = await world.lastseen('track', '--until-end', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const { counts } = run.json<{ counts: { session: Record<string, number> } }>();
    expect(counts.session).toMatchObject({ applied: 300, 'skipped: tombstone': 1 });
    const letters = await recordsOf(world, world.env['TRACK_DLQ_TOPIC'] ?? '');
    expect(letters).toHaveLength(poison.length + 1);
    const written = letters
      .map(({ key, value, headers }) => ({
        key: String(key),
        value,
        topic: String(headers?.['lastseen.origin.topic']),
        offset: Number(String(headers?.['lastseen.origin.offset'])),
        reason: String(headers?.['lastseen.reason']),
        trace: String(headers?.['trace']),
      }))
      .sort((a, b) => a.offset - b.offset)
      .slice(0, poison.length);
    expect(written.map(({ offset }) => offset)).toEqual(poison.map((_, n) => 300 + n));
    expect(written.map(({ value }) => value)).toEqual(poison.map((value) => Buffer.from(value)));
    expect(written.map(({ key, trace }) => [key, trace])).toEqual(
      poison.map((_, n) => [`key-${300 + n}`, `t${300 + n}`]),
    );
    expect(new Set(written.map(({ topic }) => topic))).toEqual(new Set([session]));
    expect(written.slice(0, 8).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/not_decodable|unknown_schema/),
      'unknown_schema',
      'not_decodable',
      'not_decodable',
      'not_decodable',
      'instant_in_future',
      'instant_too_old',
      'missing_column',
    ]);
  });

  await step('a letter is redriven once, and keeps its first origin when it fails again', async () => {
    const dlq = (...args: string[]) => world.lastseen('dlq', ...args);
    const list = async (...args: string[]) => {
      const run = await dlq('list', '--json', ...args);
      expect(run, run.stderr).toMatchObject({ code: 0 });
      return run.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    expect(await list('--source-topic', session, '--limit', '3')).toHaveLength(3);
    const [missing] = await list('--topic', 'track', '--reason', 'missing_column', '--since', '2026-01-01T00:00:00Z');
    expect(missing).toMatchObject({
      step: 'activity',
      detail: 'no column started_at',
      attempts: 1,
      redriven: false,
      origin: { topic: session, partition: 0, offset: '307' },
    });
    const id = String(missing?.['id']);
    expect(id).toMatch(/^track\/\d\/\d+$/);
    const value = '{"user_id": "u", "ended_at": null}';
    expect((await dlq('show', id, '--raw')).stdout).toBe(value);
    const { stdout: page } = await dlq('show', id);
    expect(page).toMatch(/lastseen\.origin\.offset +307/);
    expect(page).toContain(`value, 34 bytes\n${value}`);
    expect(await dlq('show', 'track/0/999')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no dead letter'),
    });

    const redrive = async (...args: string[]) => (await dlq('redrive', '--json', ...args)).json();
    expect(await redrive('--id', id)).toMatchObject({ letters: 1, redriven: 1 });
    expect(await redrive('--dry-run')).toMatchObject({ dry_run: true, redriven: 10, redriven_before: 1 });
    expect(await redrive('--limit', '4')).toMatchObject({ redriven: 4 });
    expect(await redrive()).toMatchObject({ redriven: 6, redriven_before: 5, rejected: 0 });

    const run = await world.lastseenWith({ DLQ_MAX_SHARE: '1' }, 'track', '--until-end');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const letters = await list('--limit', '100');
    const tried = (times: number) =>
      letters
        .filter(({ attempts, redriven }) => attempts === times && redriven === (times === 1))
        .map(({ origin, reason }) => JSON.stringify([origin, reason]))
        .sort();
    expect(letters).toHaveLength(22);
    expect(tried(2)).toHaveLength(11);
    expect(tried(2)).toEqual(tried(1));
    expect(await listGroups(world, 'lastseen-dlq-')).toEqual([]);
  });

  await step('too many dead letters stop track before it commits them', async () => {
    await produce(
      session,
      Array.from({ length: 200 }, () => '{"user_id": "u", "started": "renamed column"}'),
      1,
    );
    const run = await world.lastseen('track', '--until-end');
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('DLQ_MAX_SHARE') });
    expect(run.stderr).not.toMatch(/\n\s+at /);
    const lifted = await world.lastseenWith({ DLQ_MAX_SHARE: '1' }, 'track', '--until-end', '--json');
    expect(lifted.json()).toMatchObject({ counts: { session: { 'dead letter: missing_column': 200 } } });
  });
});

describe('large records', () => {
  it('become dead letters too: one of 10 MB, and more in a transaction than a batch can hold', async () => {
    const topic = `${world.name}.large`;
    const env = {
      TOPIC_SESSION: topic,
      SOURCES: 'session',
      TRACK_DLQ_TOPIC: `${topic}.dlq`,
      DLQ_MAX_SHARE: '1',
      FLUSH_MAX_DELAY: '1s',
    };
    await createTopic(world.kafka, topic, { 'max.message.bytes': '11534336' }, 1);
    expect(await world.lastseenWith(env, 'topics')).toMatchObject({ code: 0 });
    const [letterTopic] = await readTopicSettings(world.kafka, [env.TRACK_DLQ_TOPIC]);
    expect(letterTopic?.config.get('max.message.bytes')).toBe('11599872');
    const large = (bytes: number) => `{"user_id": "u", "filler": "${'x'.repeat(bytes)}"}`;
    await produce(topic, [large(10_000_000)]);
    for (let n = 0; n < 6; n++) await produce(topic, Array(20).fill(large(100_000)));
    await produce(topic, [good('after-large', '2026-03-01T00:00:00.000001Z')]);
    const run = await world.lastseenWith(env, 'track', '--until-end', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({ counts: { session: { 'dead letter: missing_column': 121, applied: 1 } } });
    const letters = await recordsOf(world, env.TRACK_DLQ_TOPIC);
    const sizes = letters.map(({ value }) => value?.length ?? 0).sort((a, b) => b - a);
    expect(sizes).toEqual([large(10_000_000).length, ...Array(120).fill(large(100_000).length)]);
  });

  it('are sent in batches that their topic accepts; a refused record is an error, and later records are sent', async () => {
    const topic = `${world.name}.small`;
    await createTopic(world.kafka, topic, { 'max.message.bytes': '100000' }, 1);
    const producer = createProducer(world.kafka);
    const sent = Array.from({ length: 1_000 }, (_, n) => ({ key: null, value: Buffer.from(`${n} `.padEnd(1_000)) }));
    const packed = { key: null, value: Buffer.alloc(300_000) };
    try {
      await producer.send(topic, sent);
      await producer.send(topic, [packed]);
      const refused = {
        code: 'record_refused',
        message: expect.stringContaining('max.message.bytes'),
        retriable: false,
      };
      await expect(producer.send(topic, [{ key: null, value: randomBytes(300_000) }])).rejects.toMatchObject(refused);
      await producer.send(topic, sent);
    } finally {
      await producer.close();
    }
    const values = (await recordsOf(world, topic)).map(({ value }) => String(value));
    expect(values).toEqual([...sent, packed, ...sent].map(({ value }) => String(value)));
  });
});

describe('compressed topics', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('are read if the broker compresses with %s', async (codec) => {
    const topic = `${world.name}.${codec}`;
    await createTopic(world.kafka, topic, { 'compression.type': codec }, 1);
    await produce(
      topic,
      Array.from({ length: 500 }, (_, n) => good(`${codec}-${n}`, '2026-03-01T00:00:00.000001Z')),
    );
    const run = await world.lastseenWith(
      { TOPIC_SESSION: topic, SOURCES: 'session' },
      'track',
      '--until-end',
      '--json',
    );
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({ rows_changed: 500, counts: { session: { applied: 500 } } });
  });
});

describe('formats side by side', () => {
  it('are recognized per record: Avro, JSON with and without schema, flattened rows', async () => {
    const own = await createWorld();
    onTestFinished(() => own.close());
    await own.prepare();
    await own.database.query({
      text: `INSERT INTO session (id, user_id, started_at, ended_at) VALUES ('a', 'u1', '2026-03-01 10:00:00.000001Z', NULL)`,
    });
    const json = 'org.apache.kafka.connect.json.JsonConverter';
    const settings = (schemas: string) => ({
      'value.converter': json,
      'value.converter.schemas.enable': schemas,
      'key.converter': json,
    });
    await own.connect();
    await own.database.query({ text: `UPDATE session SET ended_at = '2026-03-01 10:30:00.123456Z'` });
    await own.waitForDelivery();
    for (const schemas of ['true', 'false']) {
      await own.connect(settings(schemas));
      await own.database.query({
        text: `INSERT INTO session (id, user_id, started_at) VALUES ('${schemas}', 'json-${schemas}', '2026-03-02 10:00:00.654321Z')`,
      });
      await own.waitForDelivery();
    }
    await own.connect({
      ...settings('false'),
      transforms: 'flat',
      'transforms.flat.type': 'io.debezium.transforms.ExtractNewRecordState',
      'transforms.flat.delete.tombstone.handling.mode': 'rewrite',
    });
    await own.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ('flat', 'flat', '2026-03-03 10:00:00.111111Z')`,
    });
    await own.database.query({ text: `DELETE FROM session WHERE id = 'true'` });
    await own.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ('again', 'json-true', '2026-03-02 10:00:00.654321Z')`,
    });
    await own.waitForDelivery();
    const run = await own.lastseenWith(
      { KAFKA_GROUP_ID: `${own.name}-formats`, DLQ_MAX_SHARE: '1' },
      'track',
      '--until-end',
      '--json',
    );
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({ counts: { session: { 'skipped: delete': 1 } } });
    expect(await differenceFromSources(own.database)).toEqual({ learners: 4n, differing: 0n });
  });
});
