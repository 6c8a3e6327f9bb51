import type { Admin, Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readProgress } from '../../src/last-seen/progress-store.ts';
import { logLine } from '../support/machine-format.ts';
import { recreateTopic } from '../support/recreate-topic.ts';
import { step } from '../support/step.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let admin: Admin;
let producer: Producer;
let topic: string;
beforeAll(async () => {
  world = await createWorld();
  topic = `${world.name}.public.session`;
  admin = world.kafka.admin();
  producer = world.kafka.producer();
  await Promise.all([world.prepare(), admin.connect(), producer.connect()]);
  await world.connect();
  await world.waitForDelivery();
});
afterAll(async () => {
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await world.close();
});

const sweep = (wait = '0s') => world.lastseen('sweep', '--wait-fresh', wait, '--json');
const track = async () => {
  const run = await world.lastseen('track', '--until-end');
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return run.stderr;
};
const untilFresh = async () => {
  const run = await sweep('60s');
  expect(run, run.stderr).toMatchObject({ code: 0 });
};

/**
 * Each record is a session of another learner, named by the batch and a number.
 *
 * @returns whether they were written: the driver silently drops records for a partition that it does not know yet.
 */
async function produce(name: string, partition: number, count: number, by: Pick<Producer, 'send'> = producer) {
  const value = (n: number) =>
    JSON.stringify({ user_id: `${name}-${n}`, started_at: '2026-03-15T10:00:00Z', ended_at: null });
  const written = await by.send({
    topic,
    messages: Array.from({ length: count }, (_, n) => ({ partition, key: `${name}-${n}`, value: value(n) })),
  });
  return written.length > 0;
}

async function transact(partition: number, end: 'commit' | 'abort') {
  const transactional = world.kafka.producer({ transactionalId: world.name, idempotent: true, maxInFlightRequests: 1 });
  await transactional.connect();
  const transaction = await transactional.transaction();
  await produce(end, partition, 3, transaction);
  await transaction[end]();
  await transactional.disconnect();
}

const seen = async (name: string) => {
  const statement = { text: 'SELECT FROM lastseen.user_last_seen WHERE user_id LIKE $1', values: [`${name}-%`] };
  return (await world.database.query(statement)).count;
};

const openGaps = async () =>
  (
    await world.database.query({
      text: `SELECT partition, kind, from_offset, to_offset FROM lastseen.track_gap WHERE closed_at IS NULL ORDER BY 1`,
    })
  ).rows;

/** Closes the gaps as an operator who has restored the records. */
const closeByHand = () =>
  world.database.query({
    text: `UPDATE lastseen.track_gap SET closed_at = now(), closed_by = 'a person' WHERE closed_at IS NULL`,
  });

test('records that track cannot read are recorded as gaps and hold the sweep', { timeout: 600_000 }, async () => {
  await step('records deleted while track was stopped hold the sweep until an audit', async () => {
    await produce('first', 0, 10);
    await track();
    await untilFresh();
    await produce('removed', 0, 40);
    await produce('kept', 0, 5);
    // The driver deletes records only of partitions whose leader it knows.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '50' }] });

    expect(await track()).toMatch(logLine('records_lost', '"kind":"lost"'));
    expect([await seen('removed'), await seen('kept')]).toEqual([0, 5]);
    expect(await openGaps()).toEqual([{ partition: 0, kind: 'lost', from_offset: 10n, to_offset: 50n }]);
    expect(await sweep()).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(
        `not fresh: session: ${topic} partition 0: the records from offset 10 to below 50 were removed before they were read`,
      ),
    });
    expect(await world.lastseen('audit')).toMatchObject({ code: 0 });
    await untilFresh();
  });

  await step('lost group offsets are no gap: the records are read again', async () => {
    await produce('again', 1, 10);
    // Partitions 2 and 3 end with control records, which are neither delivered nor a gap.
    await transact(2, 'commit');
    await transact(3, 'abort');
    await track();
    await admin.deleteGroups([world.groupOf('track')]);
    await world.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
    expect(await track()).not.toMatch(logLine('records_lost'));
    expect([await seen('again'), await seen('commit'), await seen('abort')]).toEqual([10, 3, 0]);
    expect(await openGaps()).toEqual([]);
    await untilFresh();
  });

  await step('a recreated topic is not fresh, and becomes a gap when it is read', async () => {
    await recreateTopic(admin, topic);
    await waitFor('60 records are written', () => produce('recreated', 0, 60).catch(() => false));
    await waitFor('5 records are written', () => produce('recreated', 1, 5).catch(() => false));
    expect(await sweep('60s')).toMatchObject({ code: 75, stderr: expect.stringContaining('topic recreated') });

    expect(await track()).toMatch(logLine('records_lost'));
    expect(await seen('recreated')).toBe(60);
    expect(await readProgress(world.database, [topic])).toEqual(
      expect.arrayContaining([
        { topic, partition: 0, nextOffset: 60n },
        { topic, partition: 1, nextOffset: 5n },
      ]),
    );
    expect(await openGaps()).toEqual([
      { partition: 0, kind: 'another_topic', from_offset: 55n, to_offset: null },
      { partition: 1, kind: 'another_topic', from_offset: 10n, to_offset: null },
    ]);
    const refused = await sweep();
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`not fresh: session: ${topic} partition 0: the topic was recreated`),
    });
    await closeByHand();
    // Without new records, `track` cannot find out that partitions 2 and 3 were recreated.
    await world.database.query({ text: 'DELETE FROM lastseen.track_progress WHERE partition IN (2, 3)' });
    await untilFresh();
  });

  await step('new partitions are read from their beginning', async () => {
    const tracking = world.start({}, 'track');
    await produce('joined', 0, 1);
    await waitFor('the first record is applied', async () => (await seen('joined')) === 1);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] });
    // A new producer knows the new partitions.
    await producer.disconnect();
    producer = world.kafka.producer();
    await producer.connect();
    await waitFor('3 records are written to a new partition', () => produce('added', 5, 3).catch(() => false));
    await untilFresh();
    expect(await seen('added')).toBe(3);
    expect(await openGaps()).toEqual([]);
    tracking.process.kill('SIGTERM');
    expect(await tracking.ended).toMatchObject({ code: 0 });
  });
});
