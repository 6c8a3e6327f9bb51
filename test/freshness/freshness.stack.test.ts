import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareSlot, currentPosition } from '../../src/freshness/replication-store.ts';
import { endPositions } from '../../src/kafka/admin/offsets.ts';
import type { Lsn } from '../../src/postgres/database.ts';
import { recreateTopic } from '../support/recreate-topic.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

/** The snapshot of 30,000 rows takes more than a minute on a busy machine. */
const SNAPSHOT_MS = 240_000;

/** A table was out of the publication for a time. */
const BROKEN =
  /changes may not have been captured .*: table public\.attempt was not always in publication .*audit --repair/;

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });
const sweep = (...args: string[]) => world.lastseen('sweep', '--wait-fresh', '3s', '--json', ...args);
const events = async () => (await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '')).length;
/** The report, also if the exit code is 75. */
interface Report {
  readonly status: string;
  readonly sources: readonly { source: string; proven_until: string | null; missing: readonly string[] }[];
}
/** The lines of standard error that are not log lines. */
const errorsOf = ({ stderr }: { stderr: string }) => stderr.split('\n').filter((line) => line.startsWith('lastseen '));
const fresh = (...args: string[]) => world.lastseen('fresh', '--json', ...args);
const silent = (id: string) =>
  sql(`INSERT INTO session (id, user_id, started_at) VALUES ('${id}', '${id}', now() - interval '8 days')`);
const track = async () => expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });

test('a sweep decides only on fresh data, and reports what is not fresh', { timeout: 600_000 }, async () => {
  await step('refuses without a connector; --force sweeps and is recorded in the run', async () => {
    expect(await sweep()).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`not fresh: there is no logical replication slot ${world.name}`),
    });
    expect(await sweep('--force')).toMatchObject({ code: 0 });
    const runs = await world.lastseen('sweep', 'runs', '--json');
    const [forced, refused] = runs.stdout.trim().split('\n');
    expect(JSON.parse(forced ?? '')).toMatchObject({ status: 'completed', forced: true });
    expect(JSON.parse(refused ?? '')).toMatchObject({ status: 'failed', forced: false });
  });

  await step('the slot does not move before the whole snapshot is in the topics', async () => {
    await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT n, md5('a-' || n)::uuid, now() - interval '1 day' FROM generate_series(1, 30000) n`);
    await world.connect();
    const position = await currentPosition(world.database, 0n);
    const inTopic = async () =>
      (await endPositions(world.kafka, [`${world.name}.public.attempt`])).reduce((n, at) => n + at.nextOffset, 0n);
    let looks = 0;
    await waitFor(
      'the slot has passed the position',
      async () => {
        const { kind } = await compareSlot(world.database, world.name, position as Lsn);
        if (kind !== 'past') looks += 1;
        return kind === 'past';
      },
      SNAPSHOT_MS,
    );
    expect(await inTopic()).toBe(30_000n);
    expect(looks).toBeGreaterThan(0);
  });

  await step('waits for track, and reports source, partition and lag', async () => {
    await silent('s-1');
    const refused = await sweep('--wait-fresh', '8s');
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(
        /not fresh: session: \S+\.public\.session partition \d: no progress is recorded below 1/,
      ),
    });
    await track();
    const passed = await world.lastseen('sweep', '--json');
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
    expect(passed.json()).toMatchObject({ crossed: 1, published: 1 });
  });

  await step('fresh proves every source, also while nothing is written', async () => {
    const startedAt = Date.now();
    for (let call = 0; call < 3; call++) {
      // A busy machine needs longer than the default.
      const run = await fresh('--wait', '60s');
      expect(run, run.stderr).toMatchObject({ code: 0 });
      const { status, sources } = run.json<Report>();
      expect(status).toBe('fresh');
      expect(sources).toHaveLength(4);
      for (const { proven_until, missing } of sources) {
        expect(missing).toEqual([]);
        expect(Date.parse(proven_until ?? '')).toBeGreaterThan(startedAt);
      }
    }
  });

  await step('emits nothing while the connector is paused', async () => {
    await world.pause();
    await silent('s-2');
    const before = await events();
    const refused = await sweep();
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(
        new RegExp(
          `the connector has not delivered: replication slot ${world.name} has not passed .*, \\d+ bytes behind`,
        ),
      ),
    });
    expect(await events()).toBe(before);
    const gate = await fresh();
    expect(gate).toMatchObject({ code: 75 });
    expect(errorsOf(gate)).toEqual([expect.stringContaining('not fresh: the connector has not delivered')]);
    for (const { proven_until, missing } of gate.json<Report>().sources) {
      expect({ proven_until, missing }).toEqual({
        proven_until: null,
        missing: [expect.stringContaining('the connector has not delivered')],
      });
    }
    const doctor = (await world.lastseen('doctor', '--json')).json<{
      findings: readonly { check: string; status: string; message: string }[];
    }>();
    const lines = doctor.findings.filter(({ check }) => check === 'freshness');
    // All sources lack the same.
    expect(lines).toEqual([
      expect.objectContaining({
        status: 'warning',
        message: expect.stringMatching(/^exam_results, features_topic_daily, attempt, session: .*has not delivered/),
      }),
    ]);
    await world.resume();
    await world.waitForDelivery();
    await track();
    const passed = await world.lastseen('sweep', '--json');
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
    expect(passed.json()).toMatchObject({ crossed: 1, published: 1 });
  });

  await step('continues when track catches up in time', async () => {
    await silent('s-3');
    const sweeping = world.start({ WAIT_FRESH: '60s' }, 'sweep', '--json');
    await world.waitForDelivery();
    await track();
    const passed = await sweeping.ended;
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
    expect(passed.json()).toMatchObject({ crossed: 1 });
  });

  await step('names a table that is missing in the publication', async () => {
    await sql(`ALTER PUBLICATION ${world.name} DROP TABLE attempt`);
    expect(await sweep()).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`not fresh: attempt: table attempt is not in publication ${world.name}`),
    });
    const gate = await fresh('--wait', '60s');
    expect(gate).toMatchObject({ code: 75 });
    expect(errorsOf(gate)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('not fresh: attempt: table attempt is not in publication'),
        expect.stringMatching(BROKEN),
      ]),
    );
    // Changes may be missing from any source until an audit has compared all of them.
    for (const { source, proven_until } of gate.json<Report>().sources) expect(proven_until, source).toBeNull();
    await sql(`ALTER PUBLICATION ${world.name} ADD TABLE attempt`);
    const refused = await world.lastseen('sweep', '--json');
    expect(refused, refused.stderr).toMatchObject({ code: 75, stderr: expect.stringMatching(BROKEN) });
    const audited = await world.lastseen('audit', '--repair', '--json');
    expect(audited, audited.stderr).toMatchObject({ code: 0 });
    const passed = await world.lastseen('sweep', '--json');
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
  });

  await step('reports a recreated topic without waiting', async () => {
    const topic = `${world.name}.public.session`;
    const admin = world.kafka.admin();
    await admin.connect();
    await recreateTopic(admin, topic);
    await admin.disconnect();
    const startedAt = performance.now();
    const refused = await world.lastseenWith({ WAIT_FRESH: '10m' }, 'sweep');
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(
        /not fresh: session: topic recreated: \S+ partition \d ends at 0, but \d was applied/,
      ),
    });
    expect(performance.now() - startedAt).toBeLessThan(60_000);
  });
});
