import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld({ env: { CONNECT_URL: inject('stack').connectUrl } });
});
afterAll(() => world.close());

interface Said {
  readonly counts: Record<string, number>;
  readonly findings: readonly { readonly check: string; readonly status: string; readonly says: string }[];
}

async function doctor(env: Readonly<Record<string, string>> = {}): Promise<Said & { readonly code: number | null }> {
  const { code, stdout, stderr } = await world.lastseenWith(env, 'doctor', '--json');
  expect(stdout, stderr).not.toBe('');
  return { ...(JSON.parse(stdout) as Said), code };
}

const of = ({ findings }: Said, status: string) =>
  [...new Set(findings.filter((each) => each.status === status).map(({ check }) => check))].sort();

describe('lastseen topics', () => {
  it('creates what is missing as it should be, and only says so with --check', async () => {
    const checked = await world.lastseen('topics', '--check', '--json');
    expect(checked).toMatchObject({ code: 1 });
    expect(states(checked.stdout)).toEqual(new Set(['missing']));
    await world.prepare();
    const found = await world.lastseen('topics', '--check', '--json');
    expect(found, found.stderr).toMatchObject({ code: 0 });
    expect(states(found.stdout)).toEqual(new Set(['ok']));
  });

  it('says what a topic lacks and how to mend it, and changes nothing', async () => {
    const env = { TOPIC_PARTITIONS: '6', TOPIC_REPLICATION: '3' };
    const said = await world.lastseenWith(env, 'topics');
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/inactivity +differs +partitions is 4, not 6; replication is 1, not 3/),
    });
    expect(said.stdout).toContain('kafka-topics.sh --bootstrap-server $KAFKA_BROKERS --alter --topic');
    expect(await world.lastseen('topics', '--check')).toMatchObject({ code: 0 });
  });
});

function states(stdout: string): ReadonlySet<string> {
  const { topics } = JSON.parse(stdout) as { topics: { state: string }[] };
  return new Set(topics.map(({ state }) => state));
}

describe('lastseen doctor', () => {
  it('names what is missing before there is a connector', async () => {
    const said = await doctor();
    expect(said.code).toBe(1);
    expect(of(said, 'failed')).toEqual(['connector', 'freshness', 'publication', 'slot']);
    expect(of(said, 'skipped')).toEqual([]);
  });

  it('finds nothing failed where all runs', async () => {
    await world.database.query({ text: `INSERT INTO session (id, user_id, started_at) VALUES ('s', 'canary', now())` });
    await world.connect();
    await world.delivered();
    expect(await world.lastseen('track', '--until-end')).toMatchObject({ code: 0 });
    const said = await doctor();
    expect(said, JSON.stringify(said)).toMatchObject({ code: 0, counts: { failed: 0, skipped: 0 } });
    expect(['last sweep', 'lastseen-recompute', 'lastseen-track']).toEqual(expect.arrayContaining(of(said, 'warning')));
    expect(said.findings.find(({ says }) => says.startsWith('session: all 1 records'))).toBeDefined();
  });

  it('says for each server that does not answer what depends on it, and goes on with the others', async () => {
    const nowhere = 'canary-password@127.0.0.1:1';
    const said = await doctor({
      DATABASE_URL: `postgres://canary:${nowhere}/x`,
      SOURCE_DATABASE_URL: world.env['DATABASE_URL'] ?? '',
      KAFKA_BROKERS: '127.0.0.1:1',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      CONNECT_URL: 'http://127.0.0.1:1',
    });
    expect(said.code).toBe(1);
    expect(of(said, 'failed')).toEqual(['brokers', 'connector', 'postgres', 'registry']);
    expect(of(said, 'ok')).toEqual(['source', 'source tables']);
    expect(of(said, 'skipped')).toContain('freshness');
    expect(JSON.stringify(said)).not.toContain('canary');
  });
});
