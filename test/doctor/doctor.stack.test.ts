import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { step } from '../support/step.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld({ env: { CONNECT_URL: inject('stack').connectUrl } });
});
afterAll(() => world.close());

interface Report {
  readonly counts: Record<string, number>;
  readonly findings: readonly { readonly check: string; readonly status: string; readonly message: string }[];
}

async function doctor(env: Readonly<Record<string, string>> = {}): Promise<Report & { readonly code: number | null }> {
  const { code, stdout, stderr } = await world.lastseenWith(env, 'doctor', '--json');
  expect(stdout, stderr).not.toBe('');
  return { ...(JSON.parse(stdout) as Report), code };
}

const checksWith = ({ findings }: Report, status: string) =>
  [...new Set(findings.filter((each) => each.status === status).map(({ check }) => check))].sort();

function states(stdout: string): ReadonlySet<string> {
  const { topics } = JSON.parse(stdout) as { topics: { state: string }[] };
  return new Set(topics.map(({ state }) => state));
}

test('topics and doctor report what is missing, different or out of reach', { timeout: 360_000 }, async () => {
  await step('creates missing topics, and only reports them with --check', async () => {
    const checked = await world.lastseen('topics', '--check', '--json');
    expect(checked).toMatchObject({ code: 1 });
    expect(states(checked.stdout)).toEqual(new Set(['missing']));
    await world.prepare();
    const found = await world.lastseen('topics', '--check', '--json');
    expect(found, found.stderr).toMatchObject({ code: 0 });
    expect(states(found.stdout)).toEqual(new Set(['ok']));
  });

  await step('prints how an existing topic differs and how to fix it, and changes nothing', async () => {
    const env = { TOPIC_PARTITIONS: '6', TOPIC_REPLICATION: '3' };
    const report = await world.lastseenWith(env, 'topics');
    expect(report).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/inactivity +differs +partitions is 4, not 6; replication is 1, not 3/),
    });
    expect(report.stdout).toContain('kafka-topics.sh --bootstrap-server $KAFKA_BROKERS --alter --topic');
    expect(await world.lastseen('topics', '--check')).toMatchObject({ code: 0 });
  });

  await step('reports what is missing before a connector is registered', async () => {
    const report = await doctor();
    expect(report.code).toBe(1);
    expect(checksWith(report, 'failed')).toEqual(['connector', 'publication', 'slot']);
    expect(checksWith(report, 'skipped')).toEqual(['capture', 'committed offset', 'freshness']);
  });

  await step('reports no failure when everything runs', async () => {
    await world.database.query({ text: `INSERT INTO session (id, user_id, started_at) VALUES ('s', 'canary', now())` });
    await world.connect();
    await world.waitForDelivery();
    expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
    const report = await doctor();
    expect(report, JSON.stringify(report)).toMatchObject({ code: 0, counts: { failed: 0, skipped: 0 } });
    expect(['last audit', 'last sweep', 'lastseen-recompute', 'lastseen-track']).toEqual(
      expect.arrayContaining(checksWith(report, 'warning')),
    );
    expect(report.findings.find(({ message }) => message.startsWith('session: all 1 records'))).toBeDefined();
    const { findings } = await doctor({ KAFKA_GROUP_ID: world.groupOf('track') });
    const groups = findings.filter(({ check }) => /^lastseen-(track|recompute)$/.test(check));
    expect(groups.map(({ check, message }) => [check, message.split(/:| does /)[0]])).toEqual([
      ['lastseen-track', `group ${world.groupOf('track')}`],
      ['lastseen-recompute', 'group lastseen-recompute'],
    ]);
    expect(groups[0]?.message).toMatch(/0 members, Empty, 0 records behind/);
  });

  await step('refuses a group that another command reads with', async () => {
    const groupId = `${world.name}-shared`;
    const other = world.kafka.consumer({ groupId });
    const joined = new Promise<void>((resolve) => other.on(other.events.GROUP_JOIN, () => resolve()));
    await other.connect();
    await other.subscribe({ topic: world.env['INACTIVITY_TOPIC'] ?? '' });
    await other.run({ eachMessage: async () => {} });
    await joined;
    const track = await world.lastseenWith({ KAFKA_GROUP_ID: groupId }, 'track', '--until-end');
    await other.disconnect();
    expect(track).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('set KAFKA_GROUP_ID to another name for each, or leave it out'),
    });
  });

  await step('watches until a signal, with one object per round', async () => {
    const { process, ended } = world.start({}, 'doctor', '--watch', '1', '--json');
    let rounds = 0;
    process.stdout?.on('data', (text: string) => {
      rounds += text.split('\n').length - 1;
      if (rounds >= 2) process.kill('SIGTERM');
    });
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ counts: { failed: 0 } });
  });

  await step('skips only the checks that depend on a server that does not answer', async () => {
    const nowhere = 'canary-password@127.0.0.1:1';
    const report = await doctor({
      DATABASE_URL: `postgres://canary:${nowhere}/x`,
      SOURCE_DATABASE_URL: world.env['DATABASE_URL'] ?? '',
      KAFKA_BROKERS: '127.0.0.1:1',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      CONNECT_URL: 'http://127.0.0.1:1',
    });
    expect(report.code).toBe(1);
    expect(checksWith(report, 'failed')).toEqual(['brokers', 'connector', 'postgres', 'registry']);
    expect(checksWith(report, 'ok')).toEqual(['source', 'source tables', 'thresholds']);
    expect(checksWith(report, 'skipped')).toContain('freshness');
    expect(JSON.stringify(report)).not.toContain('canary');
  });
});
