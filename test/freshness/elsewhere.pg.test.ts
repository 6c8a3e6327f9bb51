import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Source } from '../../src/activity/source.ts';
import { type FreshnessDeps, proveFresh, readBaseline } from '../../src/freshness/pipeline.ts';
import { currentPosition, sourcePrimary } from '../../src/freshness/replication-store.ts';
import type { EndPosition } from '../../src/kafka/admin/offsets.ts';
import { recordProgress } from '../../src/last-seen/progress-store.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { asRole } from '../../stack/roles.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { type Standby, startStandby } from '../support/standby.ts';

const topic = 'p.public.session';
const end: EndPosition = { topic, partition: 0, nextOffset: 1n, stableOffset: 1n };

describe('own tables in another database than the slot', () => {
  let own: FreshDatabase;
  let source: FreshDatabase;
  let slot: string;
  beforeAll(async () => {
    own = await freshDatabase();
    source = await freshDatabase();
    slot = `s_${new URL(source.url).pathname.slice(1)}`;
    // The database of the source tables has no own ones, and that of own tables has no source table.
    await source.database.query({ text: 'DROP SCHEMA lastseen CASCADE; CREATE PUBLICATION pub FOR TABLE session' });
    await own.database.query({ text: 'DROP TABLE session, attempt, exam_results, features_topic_daily' });
    const create = `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`;
    await source.database.query({ text: create, values: [slot] });
  });
  afterAll(async () => {
    await source.database.query({ text: 'SELECT pg_drop_replication_slot($1)', values: [slot] });
    await source.close();
    await own.close();
  });

  const deps = (slotDatabase: Database, meanwhile: (() => Promise<unknown>)[]): FreshnessDeps => ({
    database: own.database,
    slotDatabase,
    sources: new Map<string, Source>([[topic, 'session']]),
    slot,
    proof: 'slot',
    publication: 'pub',
    maxUnreadableLetters: 0,
    waitMs: 60_000,
    readEnds: async () => [end],
    now: () => 0n,
    async pause() {
      const step = meanwhile.shift();
      await step?.();
      return step !== undefined;
    },
  });
  const deliver = async () => {
    await source.database.query({ text: `SELECT pg_logical_emit_message(true, 'heartbeat', '')` });
    await source.database.query({
      text: 'SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())',
      values: [slot],
    });
  };
  const apply = () => recordProgress(own.database, [{ ...end, newestCommitAt: null }]);

  it('is proven by both', async () => {
    await expect(proveFresh(deps(source.database, [deliver, apply]), 0n)).resolves.toEqual(new Map([['session', 1n]]));
  });

  it('has its rows looked for at the source', async () => {
    await source.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ('1', 'anna', now())`,
    });
    const { hasRows } = await readBaseline(deps(source.database, []));
    expect([...hasRows]).toEqual(['session']);
  });

  it('is not fresh if the slot is looked for in the database of own tables', async () => {
    await expect(proveFresh({ ...deps(own.database, []), sources: new Map() }, 0n)).rejects.toMatchObject({
      code: 'not_fresh',
      message: expect.stringContaining(`no logical replication slot ${slot}`),
    });
  });
});

describe('a slot on a standby', () => {
  let stack: RunningStack;
  let primary: FreshDatabase;
  let standby: Standby;
  let slotDatabase: Database;
  beforeAll(async () => {
    stack = await startStack({ parts: ['postgres'] });
    primary = await freshDatabase(stack.addresses.databaseUrl);
    standby = await startStandby(primary.url);
    slotDatabase = openDatabase({ url: standby.url, applicationName: 'test' });
  }, 120_000);
  afterAll(async () => {
    await slotDatabase?.close();
    await standby?.stop();
    await primary?.close();
    await stack?.stop();
  });

  it('is compared with the position of its primary, if that has the own tables', async () => {
    // The role needs no right of its own.
    const asSweep = (url: string) => openDatabase({ url: asRole(url, 'sweep'), applicationName: 'test' });
    const [database, onStandby] = [asSweep(primary.url), asSweep(standby.url)];
    const found = await sourcePrimary({ database, slotDatabase: onStandby });
    expect(found).toBe(database);
    expect(await currentPosition(found, 0n)).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await Promise.all([database.close(), onStandby.close()]);
    expect(await sourcePrimary({ database: slotDatabase, slotDatabase: primary.database })).toBe(primary.database);
  });

  it('is refused if own tables are on another server, because nothing knows the primary’s position', async () => {
    const other = openDatabase({ url: inject('postgresUrl'), applicationName: 'test' });
    try {
      await expect(sourcePrimary({ database: other, slotDatabase })).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringContaining('SLOT_DATABASE_URL is a standby'),
      });
    } finally {
      await other.close();
    }
  });
});
