import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { currentPosition } from '../../src/freshness/replication-store.ts';
import type { Database } from '../../src/postgres/database.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';
import { must } from '../../src/runtime/must.ts';
import { stopConnector } from '../../stack/connector.ts';
import { asRole, roleOf } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

/** The world's database is the source, with the connector; own tables and `weekly_kpi` are in another one. */
let world: World;
let own: FreshDatabase;
beforeAll(async () => {
  const { databaseUrl, connectUrl } = inject('stack');
  own = await freshDatabase(databaseUrl);
  world = await createWorld({ env: { CONNECT_URL: connectUrl, FRESHNESS_PROOF: 'connect' } });
  // Nothing can be read in the wrong database.
  await world.database.query({ text: 'DROP SCHEMA lastseen CASCADE; DROP TABLE weekly_kpi' });
  await own.database.query({ text: 'DROP TABLE session, attempt, exam_results, features_topic_daily' });
});
afterAll(async () => {
  await world.close();
  await own.close();
});

const lastseenWith = (env: Readonly<Record<string, string>>, ...args: string[]) =>
  world.lastseenWith(
    {
      DATABASE_URL: asRole(own.url, roleOf(args[0])),
      SLOT_DATABASE_URL: asRole(must(world.env['DATABASE_URL'], 'a world has a database'), roleOf(args[0])),
      ...env,
    },
    ...args,
  );
const lastseen = (...args: string[]) => lastseenWith({}, ...args);
const succeed = async (...args: string[]) => {
  const run = await lastseen(...args);
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return run;
};
const silent = (id: string) =>
  world.database.query({
    text: `INSERT INTO session (id, user_id, started_at) VALUES ('${id}', '${id}', now() - interval '8 days')`,
  });
/** As an operator does, while the connector is stopped. */
async function setOffset(lsn: bigint): Promise<void> {
  const url = `${inject('stack').connectUrl}/connectors/${world.name}/offsets`;
  const { offsets } = (await (await fetch(url)).json()) as { offsets: { partition: object; offset: object }[] };
  const at = { lsn: Number(lsn), lsn_proc: Number(lsn), lsn_commit: Number(lsn) };
  const body = JSON.stringify({
    offsets: offsets.map(({ partition, offset }) => ({ partition, offset: { ...offset, ...at } })),
  });
  const answer = await fetch(url, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body });
  expect(answer.ok, await answer.text()).toBe(true);
}

const count = async (database: Database, table: string) =>
  (await database.query<{ n: bigint }>({ text: `SELECT count(*) AS n FROM ${table}` })).rows[0]?.n;

test('the main job runs with own tables elsewhere and the committed offset as proof', {
  timeout: 600_000,
}, async () => {
  await step('prepares own tables in their database', async () => {
    for (const command of [['migrate'], ['topics'], ['schemas', 'register']]) await succeed(...command);
    await silent('anna');
    await world.connect();
  });

  await step('applies, and sweeps with only the committed offset as proof', async () => {
    // The offset is committed after the snapshot; the sweep waits for it and for track.
    const sweeping = lastseen('sweep', '--wait-fresh', '120s', '--json');
    await waitFor(
      'the record of the snapshot',
      async () => (await recordsOf(world, `${world.name}.public.session`)).length > 0,
    );
    await succeed('track', '--until-end');
    const passed = await sweeping;
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
    expect(passed.json()).toMatchObject({ crossed: 1, published: 1 });
    expect(await count(own.database, 'lastseen.user_last_seen')).toBe(1n);
  });

  await step('asks for the slot, too', async () => {
    for (const proof of ['slot', 'both']) {
      const passed = await lastseenWith({ FRESHNESS_PROOF: proof }, 'sweep', '--wait-fresh', '120s', '--json');
      expect(passed, passed.stderr).toMatchObject({ code: 0 });
    }
    expect(await lastseenWith({ REPLICATION_SLOT: 'another', FRESHNESS_PROOF: 'both' }, 'sweep')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(`no replication slot another .*set REPLICATION_SLOT=${world.name}`),
    });
  });

  await step('answers with figures of the source tables, in weekly_kpi of own tables', async () => {
    await succeed('recompute', '--until-end');
    expect(await count(own.database, 'weekly_kpi')).toBe(1n);
  });

  await step('audits against the source tables, also with --trust-source', async () => {
    const clean = await succeed('audit', '--json');
    expect(clean.json()).toMatchObject({ status: 'clean', learners: 1 });
    await own.database.query({ text: `UPDATE lastseen.user_last_seen SET session_at = now()` });
    const repaired = await succeed('audit', '--repair', '--trust-source', '--json');
    expect(repaired.json()).toMatchObject({ status: 'repaired', lowered: 1 });
  });

  await step('takes a snapshot through the signal table of the source', async () => {
    const replayed = await succeed('replay', '--rebuild', '--snapshot', '--json');
    expect(await count(world.database, 'public.debezium_signal')).not.toBe(0n);
    expect(await count(own.database, 'lastseen.user_last_seen'), replayed.stderr).toBe(1n);
  });

  await step('doctor finds slot, publication and source tables in the source', async () => {
    const { stdout, stderr } = await lastseen('doctor', '--json');
    const { findings } = JSON.parse(stdout) as { findings: { check: string; status: string; message: string }[] };
    const failed = findings.filter(({ status }) => status === 'failed');
    expect(failed, stderr).toEqual([]);
    expect(findings.filter(({ check }) => check === 'slot server')).toMatchObject([{ status: 'ok' }]);
  });

  await step('emits nothing while the connector is paused', async () => {
    await world.pause();
    await silent('ben');
    const refused = await lastseen('sweep', '--wait-fresh', '5s');
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/the committed offset of connector \S+ \(PAUSED\) has not passed .*bytes behind/),
    });
    await world.resume();
  });

  await step('reports a stopped connector without waiting', async () => {
    await stopConnector(inject('stack'), world.name);
    const refused = await lastseen('sweep', '--wait-fresh', '10m');
    expect(refused, refused.stderr).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(`connector ${world.name} is STOPPED`),
    });
    await world.resume();
    const sweeping = lastseen('sweep', '--wait-fresh', '120s', '--json');
    await world.waitForDelivery();
    await succeed('track', '--until-end');
    const passed = await sweeping;
    expect(passed, passed.stderr).toMatchObject({ code: 0 });
    expect(passed.json()).toMatchObject({ crossed: 1 });
  });

  await step('notices an offset that was set past a change while the connector was stopped', async () => {
    await stopConnector(inject('stack'), world.name);
    // Its first look stores the offset.
    await succeed('track', '--until-end');
    await world.database.query({ text: `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id = 'anna'` });
    await setOffset(parseLsn(must(await currentPosition(world.database, 0n), 'the clock is after 1970')));
    const reason = /the committed offset of connector \S+ was set to \S+ from \S+ while it was stopped/;
    expect(await lastseen('sweep')).toMatchObject({ code: 75, stderr: expect.stringMatching(reason) });
    await world.resume();
    expect(await lastseen('sweep')).toMatchObject({ code: 75, stderr: expect.stringMatching(reason) });
    const repaired = await succeed('audit', '--repair', '--json');
    expect(repaired.json()).toMatchObject({ status: 'repaired' });
    await succeed('sweep', '--wait-fresh', '120s');
  });
});
