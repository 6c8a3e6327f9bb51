import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endPositions } from '../../src/kafka/admin/offsets.ts';
import { digestLastSeen } from '../../src/last-seen/digest-store.ts';
import { listGroups } from '../support/consumer-groups.ts';
import type { StartedCli } from '../support/lastseen-cli.ts';
import { differenceFromSources } from '../support/source-comparison.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

const DAY_MS = 86_400_000;
const OLD = 400;
const TABLES = ['exam_results', 'features_topic_daily', 'attempt', 'session'];

let world: World;
let track: StartedCli;
let topics: string[];
const startedAt = Date.now();

beforeAll(async () => {
  world = await createWorld();
  topics = TABLES.map((table) => `${world.name}.public.${table}`);
  await world.prepare();
  await writeOldRecords();
  await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || n, 'user-' || n % 3000, timestamptz '2026-03-10Z' - (n * 7919 % 1728000) * interval '1 second'
FROM generate_series(1, 12000) n`);
  await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT n, md5('user-' || n % 3500)::uuid, timestamptz '2026-03-11Z' - (n * 7907 % 1728000) * interval '1 second'
FROM generate_series(1, 7000) n`);
  await sql(`
INSERT INTO exam_results (id, session_id, user_id, created_at)
SELECT gen_random_uuid(), 'e-' || n, 'user-' || n, timestamptz '2026-03-12Z' - n * interval '1 minute' FROM generate_series(1, 500) n`);
  await world.connect();
  await world.waitForDelivery();
  track = world.start({}, 'track');
  await untilApplied();
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });
const replay = async (...args: string[]) => {
  const run = await world.lastseen('replay', ...args, '--json');
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return run.json<{ records: number; rows_changed: number; raised: Record<string, number>; digest: string }>();
};
const inactivityTopic = () => world.env['INACTIVITY_TOPIC'] ?? '';
const digest = async () => (await digestLastSeen(world.database)).digest;
const ago = (ms: number) => new Date(startedAt - ms).toISOString();
const written = async () =>
  (await endPositions(world.kafka, topics)).reduce((sum, { nextOffset }) => sum + Number(nextOffset), 0);

/** Writes records with a record time two days ago and old instants. One of them cannot be decoded. */
async function writeOldRecords(): Promise<void> {
  const producer = world.kafka.producer();
  await producer.connect();
  const timestamp = String(startedAt - 2 * DAY_MS);
  const messages = Array.from({ length: OLD - 1 }, (_, n) => ({
    timestamp,
    value: JSON.stringify({ id: `old-${n}`, user_id: `user-${n}`, started_at: '2025-12-01T00:00:00Z', ended_at: null }),
  }));
  await producer.send({
    topic: `${world.name}.public.session`,
    messages: [...messages, { timestamp, value: 'not to be read' }],
  });
  await producer.disconnect();
}

const progress = async () =>
  (await sql('SELECT topic, partition, next_offset FROM lastseen.track_progress ORDER BY 1, 2')).rows;

const groups = () => listGroups(world, 'lastseen-');

async function untilApplied(): Promise<void> {
  const total = await written();
  await waitFor('track has applied everything', async () => {
    const applied = (await progress()).reduce((sum, row) => sum + Number(row['next_offset']), 0);
    return applied >= total;
  });
}

test('replays and rebuilds beside a running track give the same table', { timeout: 900_000 }, async () => {
  await step('a replay reads only the records of its range, and leaves no group or progress', async () => {
    const [before, wasApplied, wereGroups] = [await digest(), await progress(), await groups()];
    const { records, ...newer } = await replay('--from', ago(DAY_MS));
    expect(records).toBe((await written()) - OLD);
    expect(newer).toMatchObject({ rows_changed: 0, dead_letters: 0, digest: before });
    const older = await replay('--from', 'earliest', '--to', ago(DAY_MS), '--topic', 'session');
    expect(older).toMatchObject({ records: OLD, rows_changed: 0, dead_letters: 1, digest: before });
    expect(await progress()).toEqual(wasApplied);
    expect(await groups()).toEqual(wereGroups);
    expect(await recordsOf(world, world.env['TRACK_DLQ_TOPIC'] ?? '')).toHaveLength(1);
  });

  await step('a replay that is stopped or killed continues, and emits each return once', async () => {
    const [whole, end] = [await digest(), await written()];
    await sql(`
UPDATE lastseen.user_last_seen
SET session_at = session_at - interval '1 year', attempt_at = attempt_at - interval '1 year'`);
    await sql(`
INSERT INTO lastseen.episode (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
SELECT student_id, 7, last_seen_at, student_id, last_seen_at + interval '8 days', last_seen_at + interval '8 days', '2025-03-20'
FROM lastseen.user_last_seen WHERE user_id IN ('user-777', 'user-2999')`);
    // One transaction per batch. The trigger delays each commit, so that a kill hits uncommitted writes.
    const small = { FLUSH_MAX_ROWS: '1', FLUSH_MAX_DELAY: '1ms', QUEUE_MAX_BYTES: '1000', OWN_PREFIX: 'school' };
    await sql(`
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
CREATE TRIGGER linger AFTER UPDATE ON lastseen.replay FOR EACH ROW EXECUTE FUNCTION public.linger()`);
    const args = ['replay', '--from', 'earliest', '--emit'];
    const done = async () =>
      Number(
        (await sql('SELECT coalesce(sum(next_offset), 0)::int AS n FROM lastseen.replay_partition')).rows[0]?.['n'],
      );
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
      const before = await done();
      const run = world.start(small, ...args);
      await waitFor('the replay has done something', async () => {
        if (run.process.exitCode !== null) throw new Error(`it has ended: ${(await run.ended).stderr}`);
        return (await done()) > before;
      });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      run.process.kill(signal);
      const ended = await run.ended;
      expect(ended.code, ended.stderr).toBe(signal === 'SIGTERM' ? 1 : null);
      // The resumed replay must not read records that are written after its first start.
      await sql(
        `INSERT INTO session (id, user_id, started_at) VALUES ('${signal}-${before}', 'user-1', '2025-12-01Z')`,
      );
    }
    expect(await done()).toBeLessThan(end);
    const { rows: groupsOfRuns } = await sql('SELECT unnest(group_ids) AS id FROM lastseen.replay');
    expect(groupsOfRuns.map(({ id }) => String(id).replace(/[-0-9a-f]{36}$/, ''))).toEqual(
      Array(3).fill('school-replay-'),
    );
    await sql('DROP FUNCTION public.linger CASCADE');
    await world.waitForDelivery();
    const { records, digest: after, ...rest } = await replay(...args.slice(1));
    expect({ records, after }).toEqual({ records: end, after: whole });
    expect(rest).toMatchObject({ dead_letters: 1, returned: 2 });
    await waitFor('the returns are published', async () => (await recordsOf(world, inactivityTopic())).length > 0);
    expect(await recordsOf(world, inactivityTopic())).toHaveLength(2);
  });

  await step('a backtest writes to a file, and refuses a topic in use', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lastseen-'));
    const file = join(directory, 'events.jsonl');
    const days = ['--sweep-from', '2026-03-08', '--sweep-to', '2026-03-17', '--threshold', '5'];
    const run = await world.lastseen('replay', ...days, '--out', file, '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const found = run.json<{ days: Record<'crossed' | 'ongoing' | 'returned', number>[] }>().days;
    const events = (await readFile(file, 'utf8')).trim().split('\n');
    await rm(directory, { recursive: true });
    expect(found).toHaveLength(10);
    expect(events).toHaveLength(found.reduce((sum, day) => sum + day.crossed + day.ongoing + day.returned, 0));
    expect(JSON.parse(events[0] ?? '')).toMatchObject({ as_of: '2026-03-08T05:00:00.000000Z', threshold_days: 5 });
    expect(await world.lastseen('replay', ...days, '--out-topic', inactivityTopic())).toMatchObject({ code: 2 });
    expect(await recordsOf(world, inactivityTopic())).toHaveLength(2);
  });

  await step('a rebuild corrects all wrong rows, and readers always see a whole table', async () => {
    const whole = await digest();
    await sql(`UPDATE lastseen.user_last_seen SET session_at = '2099-01-01Z' WHERE user_id < 'user-2'`);
    await sql(`UPDATE lastseen.user_last_seen SET attempt_at = '2001-01-01Z', user_id = 'z' WHERE user_id > 'user-29'`);
    await sql(
      `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES (md5('nobody')::uuid, 'nobody', now())`,
    );
    const { rows: learners } = await sql('SELECT count(*)::int AS n FROM lastseen.user_last_seen');
    let reading = true;
    let fewest = Number.POSITIVE_INFINITY;
    const reader = (async () => {
      for (; reading; await new Promise((resolve) => setTimeout(resolve, 50))) {
        const { rows } = await sql('SELECT count(*)::int AS n FROM lastseen.user_last_seen');
        fewest = Math.min(fewest, Number(rows[0]?.['n']));
      }
    })();
    let writes = 0;
    const writer = (async () => {
      for (; reading; await new Promise((resolve) => setTimeout(resolve, 20))) {
        writes += 1;
        await sql(
          `INSERT INTO session (id, user_id, started_at) VALUES ('new-${writes}', 'user-${writes % 100}', '2026-03-13Z'::timestamptz + ${writes} * interval '1 second')`,
        );
      }
    })();
    const rebuilt = await world.lastseen('replay', '--rebuild', '--json');
    reading = false;
    await Promise.all([reader, writer]);
    expect(rebuilt, rebuilt.stderr).toMatchObject({ code: 0 });
    expect(rebuilt.json<{ corrections: object }>().corrections).toMatchObject({ added: 0, removed: 1 });
    expect(fewest).toBe(Number(learners[0]?.['n']) - 1);
    await world.waitForDelivery();
    await untilApplied();
    expect(await differenceFromSources(world.database)).toMatchObject({ differing: 0n });
    const settled = await digest();
    expect(settled).not.toBe(whole);
    expect(await replay('--rebuild')).toMatchObject({ digest: settled });
    expect(track.process.exitCode).toBe(null);
  });

  await step('a rebuild refuses truncated topics, and restores the table with --snapshot', async () => {
    const whole = await digest();
    const admin = world.kafka.admin();
    await admin.connect();
    for (const topic of topics) {
      const partitions = (await admin.fetchTopicOffsets(topic)).filter(({ high }) => Number(high) > 0);
      if (partitions.length === 0) continue;
      await admin.deleteTopicRecords({
        topic,
        partitions: partitions.map(({ partition, high }) => ({
          partition,
          offset: String(Math.ceil(Number(high) / 2)),
        })),
      });
    }
    await admin.disconnect();
    await sql(`DELETE FROM lastseen.user_last_seen WHERE user_id < 'user-15'`);
    await sql(`UPDATE lastseen.user_last_seen SET session_at = '2099-01-01Z' WHERE user_id > 'user-25'`);
    const refused = await world.lastseen('replay', '--rebuild');
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /cannot rebuild: \S+\.public\.session partition \d begins at offset \d+, not at 0; --snapshot/,
      ),
    });
    expect(await replay('--rebuild', '--snapshot')).toMatchObject({ digest: whole });
    await sql(`DELETE FROM lastseen.user_last_seen WHERE user_id < 'user-15'`);
    expect(await replay('--snapshot')).toMatchObject({ digest: whole });
    await untilApplied();
    track.process.kill('SIGTERM');
    expect(await track.ended).toMatchObject({ code: 0 });
    expect(await digest()).toBe(whole);
  });
});
