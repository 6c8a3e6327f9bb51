import { afterAll, beforeAll, expect, test } from 'vitest';
import { newestRecord } from '../../src/kafka/admin/newest-record.ts';
import { differenceFromSources, digestOfLastSeen } from '../support/source-comparison.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

/** 300 learners, each with a few rows in each table, last active between 0 and 59 days before the as-of. */
async function loadHistory(): Promise<void> {
  await sql(`
INSERT INTO session (id, user_id, started_at, ended_at)
SELECT 's-' || u || '-' || n, 'user-' || u, at, CASE WHEN n % 2 = 0 THEN at + interval '10 minutes 0.000001 seconds' END
FROM generate_series(1, 300) u, generate_series(0, 3) n,
  LATERAL (SELECT timestamptz '2026-03-16 04:00:00.123456Z' - (u % 60 + n * 3) * interval '1 day') t (at)`);
  await sql(`
INSERT INTO exam_results (id, session_id, user_id, result_json, created_at, updated_at)
SELECT gen_random_uuid(), 'e-' || u || '-' || n, 'user-' || u,
  jsonb_build_object('questions', jsonb_build_array(jsonb_build_object('question_id', n, 'is_correct', true))),
  at, CASE WHEN n = 0 THEN at + interval '1 hour' END
FROM generate_series(1, 200) u, generate_series(0, 2) n,
  LATERAL (SELECT timestamptz '2026-03-16 01:02:03.000004Z' - ((u * 7) % 60 + n * 5) * interval '1 day') t (at)`);
  await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT u * 10 + n, md5('user-' || u)::uuid, timestamptz '2026-03-16 03:00:00.999999Z' - ((u * 11) % 60 + n) * interval '1 day'
FROM generate_series(100, 320) u, generate_series(0, 2) n`);
  await sql(`
INSERT INTO features_topic_daily (user_id, topic_id, date, last_seen_at, computed_at)
SELECT 'user-' || u, 't', date '2026-03-16' - (u * 13) % 60, timestamptz '2026-03-16 02:00:00Z' - ((u * 13) % 60) * interval '1 day', now()
FROM generate_series(50, 250) u`);
  await sql(`
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at)
SELECT 'user-' || u, (u % 20 - 10) / 5.0, 0.8, timestamptz '2026-03-01Z' FROM generate_series(1, 280) u`);
  await sql(`
INSERT INTO weekly_kpi (user_id, week_start, kpis)
SELECT 'user-' || u, date '2026-03-16', '{"A_t": 0.5, "I_t": 0.1000000000000000055, "zeta": [1, {"b": 2}], "P": 0.123, "S": 0.321}'
FROM generate_series(1, 200) u`);
}

test('schemas are registered, and checked without changing anything', async () => {
  const check = await world.lastseen('schemas', 'check');
  expect(check).toMatchObject({ code: 0, stdout: expect.stringMatching(/inactivity-value +registered/) });
  const other = await world.lastseenWith({ INACTIVITY_TOPIC: `${world.name}.other` }, 'schemas', 'check');
  expect(other).toMatchObject({ code: 0, stdout: expect.stringMatching(/other-value +can be registered/) });
  const unregistered = await world.lastseenWith({ INACTIVITY_TOPIC: `${world.name}.other` }, 'sweep');
  expect(unregistered).toMatchObject({ code: 1, stderr: expect.stringContaining('lastseen schemas register') });
});

test('the main job tracks, sweeps and recomputes the right values', { timeout: 600_000 }, async () => {
  await step('last seen equals the sources after a snapshot, inserts, updates and deletes', async () => {
    await loadHistory();
    await world.connect();
    await sql(`UPDATE session SET ended_at = started_at + interval '7 minutes' WHERE ended_at IS NULL`);
    await sql(
      `INSERT INTO session (id, user_id, started_at) VALUES ('x-1', '0B6F9C1E-0000-4000-8000-00000000000A', '2026-03-15 12:00:00.5Z')`,
    );
    await sql(
      `INSERT INTO session (id, user_id, started_at) VALUES ('x-2', '0b6f9c1e-0000-4000-8000-00000000000a', '2026-03-14Z')`,
    );
    await sql(
      `INSERT INTO session (id, user_id, started_at) VALUES ('x-3', NULL, '2026-03-14Z'), ('x-4', 'never-started', NULL)`,
    );
    await sql(`UPDATE session SET id = 'renamed' WHERE id = 's-1-0'`);
    await sql(`DELETE FROM session WHERE id IN ('s-2-3', 's-3-3')`);
    await sql(`INSERT INTO debezium_signal VALUES ('1', 'log', '{"message": "hello"}')`);
    await world.waitForDelivery();
    const run = await world.lastseen('track', '--until-end', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const { counts } = run.json<{ counts: Record<string, Record<string, number>> }>();
    expect(counts).toMatchObject({
      attempt: { applied: 663 },
      exam_results: { applied: 600 },
      features_topic_daily: { applied: 201 },
      session: { 'skipped: no_learner': 1, 'skipped: no_instant': 1, 'skipped: delete': 3, 'skipped: tombstone': 3 },
    });
    expect(await differenceFromSources(world.database)).toEqual({ learners: 321n, differing: 0n });
  });

  await step('an audit is clean, and finds a damaged row', async () => {
    const audited = await world.lastseen('audit', '--json');
    expect(audited, audited.stderr).toMatchObject({ code: 0 });
    expect(audited.json()).toMatchObject({
      status: 'clean',
      learners: 321,
      counts: { attempt: { equal: 221, missing: 0, behind: 0, ahead: 0 } },
    });
    await sql(`UPDATE lastseen.user_last_seen SET user_id = NULL WHERE user_id = 'user-7'`);
    const damaged = await world.lastseen('audit');
    expect(damaged).toMatchObject({ code: 1, stderr: expect.stringContaining('drift: last seen of 1 learner ') });
    expect(damaged.stdout).toMatch(/user_id +missing +– +user-7/);
    const undecided = await world.lastseen('sweep', '--as-of', '2026-03-16T05:00:00Z', '--wait-fresh', '0s');
    expect(undecided).toMatchObject({ code: 75, stderr: expect.stringContaining('left 1 learner missing or behind') });
    const repaired = await world.lastseen('audit', '--repair', '--json');
    expect(repaired.json(), repaired.stderr).toMatchObject({ status: 'repaired', raised: 1 });
  });

  const inactivityTopic = world.env['INACTIVITY_TOPIC'] ?? '';

  await step('a second sweep emits no event again', async () => {
    const { rows } = await sql(`
SELECT count(*) FILTER (WHERE user_id IS NOT NULL) AS named, count(*) FILTER (WHERE user_id IS NULL) AS unnamed
FROM lastseen.user_last_seen
WHERE last_seen_at > timestamptz '2026-03-16 05:00Z' - interval '30 days' AND last_seen_at <= timestamptz '2026-03-09 05:00Z'`);
    const { named, unnamed } = rows[0] as { named: bigint; unnamed: bigint };
    const sweep = () => world.lastseen('sweep', '--as-of', '2026-03-16T05:00:00Z', '--json');
    const held = await sweep();
    expect(held, held.stderr).toMatchObject({ code: 3, stderr: expect.stringContaining('lastseen sweep approve') });
    expect(await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '')).toHaveLength(0);
    const first = await world.lastseen('sweep', 'approve', held.json<{ run_id: string }>().run_id, '--json');
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(first.json()).toMatchObject({
      crossed: Number(named),
      unresolved: Number(unnamed),
      published: Number(named),
    });
    expect((await sweep()).json()).toMatchObject({ crossed: 0, ongoing: 0, published: 0 });
    const records = await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '');
    expect(records).toHaveLength(Number(named));
    expect(new Set(records.map(({ headers }) => String(headers?.['ce_id']))).size).toBe(Number(named));
  });

  await step('events of another installation are recognized in the topic, and nothing is published to it', async () => {
    const newest = await newestRecord(world.kafka, inactivityTopic);
    const { rows } = await sql('SELECT installation_id::text AS id FROM lastseen.installation');
    expect(String(newest?.headers?.['ce_installation'])).toBe(rows[0]?.['id']);
    const published = await recordsOf(world, inactivityTopic);
    const last = Math.max(...published.map(({ timestamp }) => Number(timestamp)));
    const sentLast = published.filter(({ timestamp }) => Number(timestamp) === last).map(({ value }) => String(value));
    expect(sentLast).toContain(String(newest?.value));

    await sql('UPDATE lastseen.installation SET installation_id = gen_random_uuid()');
    await sql(`UPDATE lastseen.inactivity_outbox SET published_at = NULL WHERE seq = 1`);
    const refused = await world.lastseen('sweep', '--as-of', '2026-03-16T05:00:00Z');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('set OWN_PREFIX to another name') });
    expect(await recordsOf(world, inactivityTopic)).toHaveLength(published.length);
    await sql(`UPDATE lastseen.inactivity_outbox SET published_at = now() WHERE seq = 1`);
    await sql(`UPDATE lastseen.installation SET installation_id = '${rows[0]?.['id']}'`);
  });

  await step('recompute refreshes P and S and no other byte of weekly_kpi', async () => {
    const others = `
SELECT md5(string_agg(user_id || week_start || (kpis - 'P' - 'S')::text || created_at, E'\\n' ORDER BY user_id)) AS digest
FROM weekly_kpi WHERE user_id IN (SELECT 'user-' || u FROM generate_series(1, 200) u)`;
    const before = await sql(others);
    const run = await world.lastseen('recompute', '--until-end', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect((await sql(others)).rows).toEqual(before.rows);
    const { events, updated, created, failed } = run.json<Record<string, number>>();
    expect({ failed, answered: (updated ?? 0) + (created ?? 0) }).toEqual({ failed: 0, answered: events });
    expect(created).toBeGreaterThan(0);
    expect(await recordsOf(world, world.env['KPI_UPDATED_TOPIC'] ?? '')).toHaveLength(events ?? 0);

    // user-8: mean (8 - 10) / 5 = -0.4, sd 0.8, target 0: P = Φ(-0.5) = 0.308537538725…
    const { rows } = await sql(`SELECT kpis->'P' AS p FROM weekly_kpi WHERE user_id = 'user-8'`);
    expect(rows[0]).toMatchObject({ p: expect.closeTo(0.3085375387259869, 12) });
  });

  await step('a return is emitted once, and S falls', async () => {
    const { rows } = await sql(`
SELECT user_id FROM weekly_kpi JOIN lastseen.kpi_ledger USING (user_id) WHERE kpis->>'S' IS NOT NULL ORDER BY user_id LIMIT 1`);
    const user = rows[0]?.['user_id'];
    const risk = async () =>
      (await sql(`SELECT (kpis->'S')::float8 AS s FROM weekly_kpi WHERE user_id = '${user}'`)).rows[0]?.['s'];
    const before = await risk();
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('back', '${user}', now() - interval '1 minute')`);
    await world.waitForDelivery();
    const run = await world.lastseen('track', '--until-end', '--json');
    expect(run.json(), run.stderr).toMatchObject({ returned: 1 });
    expect((await world.lastseen('track', '--until-end', '--json')).json()).toMatchObject({ returned: 0 });
    expect(await world.lastseen('recompute', '--until-end')).toMatchObject({ code: 0 });
    const after = await sql(`SELECT s FROM lastseen.kpi_ledger WHERE user_id = '${user}' ORDER BY seq DESC LIMIT 1`);
    expect(after.rows[0]?.['s']).toBeLessThan(before as number);
    const emitted = await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '');
    const sources = emitted.map(({ headers }) => String(headers?.['ce_source']));
    expect(sources.filter((source) => source === '/lastseen/track')).toHaveLength(1);
  });

  await step('reading all topics again changes no byte', async () => {
    const before = await digestOfLastSeen(world.database);
    const run = await world.lastseenWith({ KAFKA_GROUP_ID: `${world.name}-again` }, 'track', '--until-end', '--json');
    expect(run.json()).toMatchObject({ rows_changed: 0, counts: { attempt: { applied: 663 } } });
    expect(await digestOfLastSeen(world.database)).toBe(before);
    const again = await world.lastseenWith(
      { KAFKA_GROUP_ID: `${world.name}-r2` },
      'recompute',
      '--until-end',
      '--json',
    );
    expect(again.json()).toMatchObject({ updated: 0, created: 0, failed: 0 });
  });
});
