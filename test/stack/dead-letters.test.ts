import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Partitioners } from '../../src/kafka/driver.ts';
import { recordsOf } from './topic-records.ts';
import { differenceFromSources } from './truth.ts';
import { createWorld, type World } from './world.ts';

let world: World;
let session: string;
beforeAll(async () => {
  world = await createWorld();
  session = `${world.name}.public.session`;
  await world.prepare();
});
afterAll(() => world.close());

async function produce(topic: string, values: readonly (Buffer | string | null)[], partition = 0): Promise<void> {
  const producer = world.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({
    topic,
    messages: values.map((value, n) => ({ key: `key-${n}`, value, partition, headers: { trace: `t${n}` } })),
  });
  await producer.disconnect();
}

const good = (user: string, at: string) => JSON.stringify({ user_id: user, started_at: at, ended_at: null });

describe('what cannot be applied', () => {
  it('goes to the dead letters as it came, with its origin and reason, and holds up nothing', async () => {
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
    const run = await world.lastseen('track', '--until-end', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const { counts } = run.json<{ counts: { session: Record<string, number> } }>();
    expect(counts.session).toMatchObject({ applied: 300, 'skipped: tombstone': 1 });
    const letters = await recordsOf(world, world.env['TRACK_DLQ_TOPIC'] ?? '');
    const told = letters
      .map(({ key, value, headers }) => ({
        key: String(key),
        value,
        topic: String(headers?.['lastseen.origin.topic']),
        offset: Number(String(headers?.['lastseen.origin.offset'])),
        reason: String(headers?.['lastseen.reason']),
        trace: String(headers?.['trace']),
      }))
      .sort((a, b) => a.offset - b.offset);
    expect(told.map(({ offset }) => offset)).toEqual(poison.map((_, n) => 300 + n));
    expect(told.map(({ value }) => value)).toEqual(poison.map((value) => Buffer.from(value)));
    expect(told.map(({ key, trace }) => [key, trace])).toEqual(poison.map((_, n) => [`key-${300 + n}`, `t${300 + n}`]));
    expect(new Set(told.map(({ topic }) => topic))).toEqual(new Set([session]));
    expect(told.slice(0, 8).map(({ reason }) => reason)).toEqual([
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

  it('stops the consumer where it is too much of it, and commits nothing of that', async () => {
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

describe('compressed topics', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('are read where the broker compresses with %s', async (codec) => {
    const admin = world.kafka.admin();
    await admin.connect();
    const topic = `${world.name}.${codec}`;
    await admin.createTopics({
      topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'compression.type', value: codec }] }],
    });
    await admin.disconnect();
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
    expect(run.json()).toMatchObject({ rowsChanged: 500, counts: { session: { applied: 500 } } });
  });
});

describe('formats side by side', () => {
  it('are told apart a record: Avro, JSON with and without schema, flattened rows', async () => {
    await world.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
    await world.database.query({
      text: `INSERT INTO session (id, user_id, started_at, ended_at) VALUES ('a', 'u1', '2026-03-01 10:00:00.000001Z', NULL)`,
    });
    const json = 'org.apache.kafka.connect.json.JsonConverter';
    const settings = (schemas: string) => ({
      'value.converter': json,
      'value.converter.schemas.enable': schemas,
      'key.converter': json,
    });
    await world.connect();
    await world.database.query({ text: `UPDATE session SET ended_at = '2026-03-01 10:30:00.123456Z'` });
    await world.delivered();
    for (const schemas of ['true', 'false']) {
      await world.connect(settings(schemas));
      await world.database.query({
        text: `INSERT INTO session (id, user_id, started_at) VALUES ('${schemas}', 'json-${schemas}', '2026-03-02 10:00:00.654321Z')`,
      });
      await world.delivered();
    }
    await world.connect({
      ...settings('false'),
      transforms: 'flat',
      'transforms.flat.type': 'io.debezium.transforms.ExtractNewRecordState',
      'transforms.flat.delete.tombstone.handling.mode': 'rewrite',
    });
    await world.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ('flat', 'flat', '2026-03-03 10:00:00.111111Z')`,
    });
    await world.database.query({ text: `DELETE FROM session WHERE id = 'true'` });
    await world.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ('again', 'json-true', '2026-03-02 10:00:00.654321Z')`,
    });
    await world.delivered();
    const run = await world.lastseenWith(
      { KAFKA_GROUP_ID: `${world.name}-formats`, DLQ_MAX_SHARE: '1' },
      'track',
      '--until-end',
      '--json',
    );
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({ counts: { session: { 'skipped: delete': 1 } } });
    await world.database.query({
      text: `DELETE FROM lastseen.user_last_seen WHERE user_id NOT IN ('u1', 'json-true', 'json-false', 'flat')`,
    });
    expect(await differenceFromSources(world.database)).toEqual({ learners: 4n, differing: 0n });
  });
});
