import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import type { Source } from '../../src/activity/source.ts';
import { describeBreak } from '../../src/freshness/capture-evidence.ts';
import {
  type CaptureView,
  readCaptureBreaks,
  recordCaptureLook,
} from '../../src/freshness/capture-evidence-pipeline.ts';
import { closeBreaks, readCaptureEvidence } from '../../src/freshness/capture-evidence-store.ts';
import { proveApplied, proveFresh } from '../../src/freshness/pipeline.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { asRole, type Role, rolesSql } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
let slot: string;
let now: bigint;
const T0 = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });
const run = (statements: string) => sql(statements.replaceAll('SLOT', `'${slot}'`));

beforeAll(async () => {
  db = await freshDatabase();
  slot = `c_${new URL(db.url).pathname.slice(1)}`;
});
afterAll(() => db.close());
beforeEach(async () => {
  now = T0;
  await sql('TRUNCATE lastseen.capture_evidence, lastseen.capture_break');
  await sql('CREATE PUBLICATION pub FOR TABLE session, attempt');
  await createSlot();
});
afterEach(async () => {
  await run('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = SLOT');
  await sql('DROP PUBLICATION IF EXISTS pub');
});

const createSlot = () => run(`SELECT pg_create_logical_replication_slot(SLOT, 'pgoutput')`);
const dropSlot = () => run('SELECT pg_drop_replication_slot(SLOT)');

/** As the connector does: reads some changes, and confirms them. */
async function stream(): Promise<void> {
  for (let n = 0; n < 3; n++) await sql(`INSERT INTO session (id, user_id) VALUES (gen_random_uuid()::text, 'u')`);
  await run(
    `SELECT count(*) FROM pg_logical_slot_get_binary_changes(SLOT, NULL, NULL, 'proto_version', '1', 'publication_names', 'pub')`,
  );
}

const view = (changes: Partial<CaptureView> = {}): CaptureView => ({
  database: db.database,
  slotDatabase: db.database,
  sources: new Map<string, Source>([
    ['t.session', 'session'],
    ['t.attempt', 'attempt'],
  ]),
  slot,
  publication: 'pub',
  proof: 'slot',
  now: () => now,
  ...changes,
});

async function look(changes: Partial<CaptureView> = {}): Promise<readonly string[]> {
  now += 10_000_000n;
  return (await recordCaptureLook(view(changes))).found?.changes ?? [];
}

/** What a look after `meanwhile` finds; the look before it was the first. */
async function found(meanwhile: () => Promise<unknown>): Promise<readonly string[]> {
  await stream();
  expect(await look()).toEqual([]);
  await meanwhile();
  return look();
}

const rowsOf = async (table: string) => (await sql(`SELECT * FROM lastseen.${table}`)).rows;

describe('is no break of capture', () => {
  it.each([
    ['changes that are streamed', stream],
    [
      'a restart of the connector, which reads changes again',
      async () => {
        await run(
          `SELECT count(*) FROM pg_logical_slot_peek_binary_changes(SLOT, NULL, NULL, 'proto_version', '1', 'publication_names', 'pub')`,
        );
      },
    ],
    [
      'another table that is created again',
      async () => {
        await sql(
          'CREATE TABLE copy (LIKE exam_results); DROP TABLE exam_results; ALTER TABLE copy RENAME TO exam_results',
        );
      },
    ],
    ['a table that is added to the publication', () => sql('ALTER PUBLICATION pub ADD TABLE features_topic_daily')],
    [
      'a table without source that is removed from the publication',
      async () => {
        await sql('ALTER PUBLICATION pub ADD TABLE features_topic_daily');
        await look();
        await sql('ALTER PUBLICATION pub DROP TABLE features_topic_daily');
      },
    ],
    [
      'SET TABLE that keeps the sources',
      () => sql('ALTER PUBLICATION pub SET TABLE attempt, session, features_topic_daily'),
    ],
    [
      'a TRUNCATE or a new column of a source',
      () => sql('TRUNCATE session; ALTER TABLE session ADD COLUMN IF NOT EXISTS x int'),
    ],
    [
      'a reset of the statistics',
      async () => {
        await run('SELECT pg_stat_reset_replication_slot(SLOT)');
      },
    ],
    [
      'VACUUM FULL of the catalogs',
      async () => {
        await sql('VACUUM FULL pg_publication');
        await sql('VACUUM FULL pg_publication_rel');
      },
    ],
  ])('%s', async (_, meanwhile) => {
    expect(await found(meanwhile)).toEqual([]);
    expect(await rowsOf('capture_break')).toEqual([]);
  });
});

describe('is a break of capture', () => {
  it.each([
    [
      'a slot that was created again',
      /^replication slot \S+ was created again$/,
      async () => {
        await dropSlot();
        await createSlot();
      },
    ],
    [
      'such a slot although it streams already',
      /^replication slot \S+ was created again$/,
      async () => {
        await dropSlot();
        await createSlot();
        await sql(`INSERT INTO session (id, user_id) VALUES (gen_random_uuid()::text, 'u')`);
        await run(
          `SELECT count(*) FROM pg_logical_slot_get_binary_changes(SLOT, NULL, NULL, 'proto_version', '1', 'publication_names', 'pub')`,
        );
      },
    ],
    ['a slot that is missing', /^there is no replication slot \S+ any more$/, dropSlot],
    [
      'a table that was out of the publication',
      /^table public.session was not always in publication pub$/,
      async () => {
        await sql('ALTER PUBLICATION pub DROP TABLE session');
        await sql('ALTER PUBLICATION pub ADD TABLE session');
      },
    ],
    [
      'rows that were filtered',
      /^table public.session was not always in publication pub$/,
      async () => {
        await sql(`ALTER PUBLICATION pub SET TABLE session WHERE (id = '1'), attempt`);
        await sql('ALTER PUBLICATION pub SET TABLE session, attempt');
      },
    ],
    [
      'updates that were not published',
      /^publication pub was altered$/,
      async () => {
        await sql(`ALTER PUBLICATION pub SET (publish = 'insert')`);
        await sql(`ALTER PUBLICATION pub SET (publish = 'insert, update, delete, truncate')`);
      },
    ],
    [
      'a publication that was created again',
      /^publication pub was created again$/,
      async () => {
        await sql('DROP PUBLICATION pub');
        await sql('CREATE PUBLICATION pub FOR TABLE session, attempt');
      },
    ],
    [
      'a table that was created again',
      /^table public.attempt was created again$/,
      async () => {
        await sql(
          'CREATE TABLE copy (LIKE attempt INCLUDING ALL); DROP TABLE attempt; ALTER TABLE copy RENAME TO attempt',
        );
        await sql('ALTER PUBLICATION pub ADD TABLE attempt');
      },
    ],
  ])('%s', async (_, change, meanwhile) => {
    expect(await found(meanwhile)).toEqual([expect.stringMatching(change)]);
    expect(await look()).toEqual([]);
    const [broken, ...more] = await rowsOf('capture_break');
    expect(more).toEqual([]);
    expect(broken).toMatchObject({ last_intact_at: T0 + 10_000_000n, found_at: T0 + 20_000_000n, closed_at: null });
  });

  it('a table in a publication of all tables, or of its schema, that was out of it', async () => {
    await sql('ALTER PUBLICATION pub SET TABLES IN SCHEMA public');
    expect(
      await found(async () => {
        await sql('ALTER PUBLICATION pub DROP TABLES IN SCHEMA public');
        await sql('ALTER PUBLICATION pub ADD TABLES IN SCHEMA public');
      }),
    ).toEqual(
      [
        'table public.session was not always in publication pub',
        'table public.attempt was not always in publication pub',
      ].sort(),
    );
    await sql('DROP PUBLICATION pub');
    await sql('CREATE PUBLICATION pub FOR ALL TABLES');
    await look();
    expect(await look()).toEqual([]);
  });

  it('a partition that was out of the publication; not one that was dropped', async () => {
    await sql(`CREATE TABLE parted (id int) PARTITION BY LIST (id);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
      CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
      ALTER TABLE session RENAME TO session_kept;
      ALTER TABLE parted RENAME TO session;
      ALTER PUBLICATION pub SET TABLE attempt, parted_1, parted_2`);
    await look();
    await sql('DROP TABLE parted_2');
    expect(await look()).toEqual([]);
    await sql('ALTER PUBLICATION pub DROP TABLE parted_1');
    expect(await look()).toEqual(['table public.parted_1 was not always in publication pub']);
    await sql('DROP TABLE session; ALTER TABLE session_kept RENAME TO session');
  });
});

describe('the evidence', () => {
  it('begins when there is a slot: the first one comes before the snapshot', async () => {
    await dropSlot();
    expect(await look()).toEqual([]);
    expect(await rowsOf('capture_evidence')).toEqual([]);
    await createSlot();
    expect(await look()).toEqual([]);
    expect(await rowsOf('capture_evidence')).toHaveLength(1);
  });

  it('is updated in place, and has a new row only for another identity', async () => {
    await look();
    await stream();
    await look();
    const [row, ...others] = await rowsOf('capture_evidence');
    expect(others).toEqual([]);
    expect(row).toMatchObject({ first_seen_at: T0 + 10_000_000n, last_seen_at: T0 + 20_000_000n, replaced_at: null });
    await sql('ALTER PUBLICATION pub ADD TABLE features_topic_daily');
    await sql('ALTER PUBLICATION pub DROP TABLE attempt');
    await look();
    expect(await rowsOf('capture_evidence')).toMatchObject([{ replaced_at: T0 + 30_000_000n }, { replaced_at: null }]);
  });

  it('survives looks at once: the rows agree', async () => {
    await Promise.all(Array.from({ length: 8 }, () => recordCaptureLook(view())));
    await Promise.all(Array.from({ length: 8 }, async (_, n) => (n === 3 ? stream() : recordCaptureLook(view()))));
    expect(await rowsOf('capture_evidence')).toHaveLength(1);
    expect(await rowsOf('capture_break')).toEqual([]);
    await dropSlot();
    await Promise.all(Array.from({ length: 8 }, () => recordCaptureLook(view())));
    expect(await rowsOf('capture_break')).toHaveLength(1);
  });

  it('has the timeline of the current log file, and a slot of this database only', async () => {
    const names = { slot, publication: 'pub', sources: ['session'] as const };
    const evidence = await readCaptureEvidence(db.database, names);
    const { rows } = await sql('SELECT timeline_id AS timeline FROM pg_control_checkpoint()');
    expect(evidence).toMatchObject({ timeline: rows[0]?.['timeline'], slot: { name: slot, failover: false } });
    expect((await readCaptureEvidence(db.database, { ...names, slot: 'another' })).slot).toBeNull();
  });
});

describe('an open break', () => {
  const fresh = (recordsCapture: boolean) =>
    proveFresh(
      {
        ...view({ sources: new Map([['t.session', 'session' as const]]) }),
        recordsCapture,
        maxUnreadableLetters: 0,
        waitMs: 1_000,
        readEnds: async () => [{ topic: 't.session', partition: 0, nextOffset: 0n, stableOffset: 0n }],
        pause: async () => {
          await sql(`SELECT pg_logical_emit_message(true, 'heartbeat', '')`);
          await run('SELECT pg_replication_slot_advance(SLOT, pg_current_wal_lsn())');
          return true;
        },
      },
      0n,
    );

  it('makes every sweep not fresh until it is closed, and says what changed', async () => {
    await sql('TRUNCATE session');
    await stream();
    await sql('TRUNCATE session');
    await look();
    await expect(fresh(true)).resolves.toBeDefined();
    await dropSlot();
    await createSlot();
    const reason =
      /^not fresh: changes may not have been captured between 2026-\S+, when .* was created again: run `lastseen audit --repair`$/;
    // A role that may only read finds it as well, and records nothing.
    await expect(fresh(false)).rejects.toMatchObject({ code: 'not_fresh', message: expect.stringMatching(reason) });
    expect(await rowsOf('capture_break')).toEqual([]);
    await expect(fresh(true)).rejects.toMatchObject({ message: expect.stringMatching(reason) });
    await expect(fresh(true)).rejects.toMatchObject({ message: expect.stringMatching(reason) });
    expect(await rowsOf('capture_break')).toHaveLength(1);

    const { open } = await recordCaptureLook(view());
    expect(await closeBreaks(db.database, open, ['attempt'], 'audit of another source')).toBe(0);
    expect(await closeBreaks(db.database, open, ['attempt', 'session'], 'audit')).toBe(1);
    await expect(fresh(true)).resolves.toBeDefined();
  });

  it('is not asked for by an audit, which closes it', async () => {
    await stream();
    await look();
    await dropSlot();
    await createSlot();
    expect(await look()).toHaveLength(1);
    const pause = async () => {
      await sql(`SELECT pg_logical_emit_message(true, 'heartbeat', '')`);
      await run('SELECT pg_replication_slot_advance(SLOT, pg_current_wal_lsn())');
      return true;
    };
    const readEnds = async () => [{ topic: 't.session', partition: 0, nextOffset: 0n, stableOffset: 0n }];
    await expect(
      proveApplied({
        ...view({ sources: new Map([['t.session', 'session' as const]]) }),
        proof: 'slot',
        maxUnreadableLetters: 0,
        waitMs: 1_000,
        readEnds,
        pause,
      }),
    ).resolves.toBeUndefined();
  });
});

describe('with only the rights of its role', () => {
  const as = async <T>(role: Role, work: (database: Database) => Promise<T>) => {
    const database = openDatabase({ url: asRole(db.url, role), applicationName: role });
    return work(database).finally(() => database.close());
  };

  it('track, sweep and audit record looks, and an operator reads breaks', async () => {
    await sql(rolesSql());
    for (const role of ['track', 'sweep', 'audit'] as const) {
      await as(role, async (database) => {
        await recordCaptureLook(view({ database, slotDatabase: database }));
        await sql('ALTER PUBLICATION pub DROP TABLE session');
        await recordCaptureLook(view({ database, slotDatabase: database }));
        await sql('ALTER PUBLICATION pub ADD TABLE session');
      });
    }
    const breaks = await as('operator', (database) => readCaptureBreaks(view({ database, slotDatabase: database })));
    expect(breaks.map(describeBreak)).toHaveLength(6);
    const { open } = await recordCaptureLook(view());
    expect(await as('audit', (database) => closeBreaks(database, open, ['attempt', 'session'], 'a'))).toBe(6);
  });
});
