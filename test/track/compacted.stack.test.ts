import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTopic } from '../support/new-topic.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const SEGMENT_BYTES = 1_048_576;
const SEGMENT_MS = 500;
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(SEGMENT_BYTES),
  'segment.ms': String(SEGMENT_MS),
  'min.cleanable.dirty.ratio': '0.01',
};

const session = (user: string, padding = 0) =>
  JSON.stringify({ user_id: user, started_at: '2026-03-06T01:02:03Z', ended_at: null, padding: ' '.repeat(padding) });

/** Each call is a producer of its own, whose last batch compaction keeps without records. */
async function produce(topic: string, key: string, value: string): Promise<void> {
  const producer = world.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await producer.send({ topic, messages: [{ key, value, partition: 0 }] });
  await producer.disconnect();
}

/** Whether a consumer that starts at the beginning receives the first record. */
async function hasFirstRecord(topic: string): Promise<boolean> {
  const consumer = world.kafka.consumer({ groupId: `${world.name}-look-${Math.random()}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const first = Promise.withResolvers<string>();
    await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => first.resolve(message.offset) });
    return (await Promise.race([first.promise, sleep(5_000)])) === '0';
  } finally {
    await consumer.disconnect();
  }
}

test('records behind batches that compaction has emptied are read', async () => {
  const topic = `${world.name}.public.session`;
  await createTopic(world.kafka, topic, COMPACTED);
  await world.prepare();
  // Too large to be compacted into the segment of the first record.
  const records = [session('replaced'), session('second', SEGMENT_BYTES - 300), session('third')];
  for (const [n, value] of records.entries()) {
    await produce(topic, n < 2 ? 'same' : 'other', value);
    await sleep(2 * SEGMENT_MS);
  }
  await waitFor('the first record is compacted', async () => !(await hasFirstRecord(topic)), 90_000);
  const tracked = await world.lastseen('track', '--until-end', '--json');
  expect(tracked, tracked.stderr).toMatchObject({ code: 0 });
  const { rows } = await world.database.query<{ user_id: string }>({
    text: 'SELECT user_id FROM lastseen.user_last_seen ORDER BY user_id',
  });
  expect(rows.map((row) => row.user_id)).toEqual(['second', 'third']);
}, 300_000);
