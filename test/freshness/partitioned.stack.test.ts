import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { rolesSql } from '../../stack/roles.ts';
import { createWorld, type World } from '../support/world.ts';

const TABLES = 'exam_results, features_topic_daily, attempt, debezium_heartbeat, debezium_signal';
const PARTITIONED = `
DROP TABLE session;
CREATE TABLE session (
  id text, started_at timestamptz, ended_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), user_id text,
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE session_p1 PARTITION OF session FOR VALUES FROM ('2020-01-01') TO ('2026-03-01');
CREATE TABLE session_p2 PARTITION OF session FOR VALUES FROM ('2026-03-01') TO ('2100-01-01')`;
const EXISTING = { 'publication.autocreate.mode': 'disabled' };
const ROUTED = {
  ...EXISTING,
  'table.include.list': `${TABLES.split(', ')
    .map((table) => `public.${table}`)
    .join()},public.session_p.*`,
  transforms: 'join',
  'transforms.join.type': 'io.debezium.transforms.ByLogicalTableRouter',
  'transforms.join.topic.regex': '(.*)session_p[0-9]+',
  'transforms.join.topic.replacement': '$1session',
  'transforms.join.key.enforce.uniqueness': 'false',
};

describe.each([
  ['its topic', 'session', ' WITH (publish_via_partition_root = true)', EXISTING],
  ['the topics of its partitions, which a router joins', 'session_p1, session_p2', '', ROUTED],
  ['the topics of its partitions, published with it', 'session', '', ROUTED],
])('a partitioned table that is captured by %s', (_, published, options, connector) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({ env: { CONNECT_URL: inject('stack').connectUrl }, connector });
    await sql(PARTITIONED);
    await sql(rolesSql());
    await sql(`CREATE PUBLICATION ${world.name} FOR TABLE ${TABLES}, ${published}${options}`);
    await world.prepare();
  });
  afterAll(() => world.close());

  const sql = (text: string) => world.database.query({ text });

  test('is fresh, audited and no failure for doctor; without one of its partitions it is neither', async () => {
    await sql(`
INSERT INTO session (id, user_id, started_at, created_at)
VALUES ('s-1', 'anna', '2026-02-06Z', '2026-02-06Z'), ('s-2', 'bob', '2026-03-06Z', '2026-03-06Z')`);
    await world.connect();
    await world.waitForDelivery();
    await sql(`UPDATE session SET ended_at = '2026-03-07Z' WHERE id = 's-1'`);
    await world.waitForDelivery();
    const tracked = await world.lastseen('track', '--until-end', '--json');
    expect(tracked, tracked.stderr).toMatchObject({ code: 0 });
    const audited = await world.lastseen('audit', '--json');
    expect(audited.json(), audited.stderr).toMatchObject({ status: 'clean', learners: 2 });
    const swept = await world.sweepApproved('--as-of', '2026-03-16T05:00:00Z');
    expect(swept.json(), swept.stderr).toMatchObject({ crossed: 2 });
    const checked = await world.lastseen('doctor', '--json');
    expect(checked, checked.stdout).toMatchObject({ code: 0 });

    if (options !== '') return;
    await sql(`ALTER PUBLICATION ${world.name} SET TABLE ${TABLES}, session_p1`);
    const refused = await world.lastseenWith({ WAIT_FRESH: '5s' }, 'sweep');
    expect(refused.code, refused.stderr).toBe(75);
    expect(refused.stderr).toContain('session: partitions public.session_p2 are not in publication');
  });
});
