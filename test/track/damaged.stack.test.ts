import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  // The bytes of a name are in the log as they are.
  world = await createWorld({ connector: { 'producer.override.compression.type': 'none' } });
  await world.prepare();
});
afterAll(() => world.close());

/** Changes the last byte of a text on the broker's disk. The broker does not compare checksums when it reads. */
async function damage(topic: string, partition: number, text: string): Promise<void> {
  const path = join(inject('kafkaData'), `${topic}-${partition}`, '00000000000000000000.log');
  const at = (await readFile(path)).indexOf(text);
  expect(at, `${text} in ${path}`).toBeGreaterThan(0);
  const file = await open(path, 'r+');
  await file.write('e', at + text.length - 1);
  await file.close();
}

test('a batch that was damaged on the disk of a broker stops track, and an audit repairs what it had', async () => {
  const topic = `${world.name}.public.session`;
  await world.database.query({
    text: `INSERT INTO session (id, user_id, started_at) VALUES ('s-1', 'learner-anna', '2026-03-06Z')`,
  });
  await world.connect();
  await world.waitForDelivery();
  const admin = world.kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  const { partition = -1 } = offsets.find(({ high }) => high === '1') ?? {};
  await damage(topic, partition, 'learner-anna');

  const stopped = await world.lastseen('track', '--until-end', '--json');
  expect(stopped, stopped.stderr).toMatchObject({ code: 1 });
  expect(stopped.stderr).toContain(
    `${topic} partition ${partition}: the records from offset 0 to 0 cannot be decoded: the checksum of the batch is wrong`,
  );
  const { count } = await world.database.query({ text: 'SELECT FROM lastseen.user_last_seen' });
  expect(count).toBe(0);

  await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '1' }] });
  await admin.disconnect();
  const track = world.start({}, 'track');
  const refused = await world.lastseen('sweep', '--wait-fresh', '60s');
  expect(refused, refused.stderr).toMatchObject({ code: 75, stderr: expect.stringContaining('were removed before') });
  const audited = await world.lastseen('audit', '--repair', '--json');
  expect(audited.json(), audited.stderr).toMatchObject({ status: 'repaired', raised: 1 });
  const swept = await world.sweepApproved('--as-of', '2026-03-16T05:00:00Z');
  expect(swept.json(), swept.stderr).toMatchObject({ crossed: 1 });
  track.process.kill('SIGTERM');
  expect(await track.ended).toMatchObject({ code: 0 });
});
