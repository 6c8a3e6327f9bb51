import { afterAll, beforeAll, expect, test } from 'vitest';
import { endPositions } from '../../src/kafka/admin/offsets.ts';
import { waitForMembers } from '../support/consumer-groups.ts';
import { differenceFromSources } from '../support/source-comparison.ts';
import { step } from '../support/step.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
  await world.connect();
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

async function load(part: number): Promise<void> {
  await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-${part}-' || n, 'user-' || (n::bigint * 7919) % 3000,
  timestamptz '2026-03-0${part}Z' - (n::bigint * 104729 % 1728000) * interval '1 second'
FROM generate_series(1, 15000) n`);
}

async function untilApplied(): Promise<void> {
  const ends = await endPositions(world.kafka, [`${world.name}.public.session`]);
  const total = Number(ends.reduce((sum, end) => sum + end.nextOffset, 0n));
  await waitFor(`track has applied ${total} records`, async () => {
    const { rows } = await sql('SELECT coalesce(sum(next_offset), 0)::int AS applied FROM lastseen.track_progress');
    return rows[0]?.['applied'] === total;
  });
}

test('several instances of track share the partitions and lose nothing', { timeout: 360_000 }, async () => {
  const env = { FLUSH_MAX_ROWS: '200', FLUSH_MAX_DELAY: '5ms' };

  await step('partitions move when an instance leaves, and no record is lost', async () => {
    await load(1);
    const first = world.start(env, 'track');
    const second = world.start(env, 'track');
    await waitForMembers(world, 'track', 2);
    await load(2);
    first.process.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0 });
    await load(3);
    const third = world.start(env, 'track');
    await world.waitForDelivery();
    await untilApplied();
    expect(await differenceFromSources(world.database)).toEqual({ learners: 3000n, differing: 0n });
    for (const run of [second, third]) {
      run.process.kill('SIGTERM');
      expect(await run.ended).toMatchObject({ code: 0 });
    }
  });

  await step('changes made while the connector was paused are applied', async () => {
    await world.pause();
    await load(4);
    await sql(`UPDATE session SET ended_at = started_at + interval '1 hour' WHERE id LIKE 's-1-%1'`);
    await world.resume();
    await world.waitForDelivery();
    expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
    expect(await differenceFromSources(world.database)).toEqual({ learners: 3000n, differing: 0n });
  });
});
