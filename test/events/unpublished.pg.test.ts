import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readOutboxState, takeUnpublished } from '../../src/events/outbox-store.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../../src/events/outboxes.ts';
import { createRelay } from '../../src/events/relay-pipeline.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { INSTALLATION } from '../support/installation.ts';

/** On a shared server, transactions in other databases delay the clean-up of pages. */
let stack: RunningStack;
let db: FreshDatabase;
beforeAll(async () => {
  stack = await startStack({ parts: ['postgres'] });
  db = await freshDatabase(stack.addresses.databaseUrl);
}, 120_000);
afterAll(async () => {
  await db?.close();
  await stack?.stop();
});
beforeEach(() => sql('TRUNCATE lastseen.inactivity_outbox, lastseen.kpi_ledger'));

const sql = (text: string, values: unknown[] = [], on: Pick<Database, 'query'> = db.database) =>
  on.query<Record<string, unknown>>({ text, values });
const INSERTS = {
  'lastseen.inactivity_outbox': `
INSERT INTO lastseen.inactivity_outbox
  (phase, student_id, user_id, threshold_days, last_seen_at, session_at, as_of, sweep_run_id, detected_at)
SELECT 'ONGOING', md5(n::text)::uuid, md5(n::text)::uuid::text, 7, now(), now(), now(), gen_random_uuid(), now()
FROM generate_series(1, $1::int) n`,
  'lastseen.kpi_ledger': `
INSERT INTO lastseen.kpi_ledger
  (cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, row_created)
SELECT gen_random_uuid(), md5(n::text)::uuid::text, '2026-03-16', now(), 'P_AND_S', 0.5, 0.5, 0.5, 0.5, false
FROM generate_series(1, $1::int) n`,
} as const;
type Table = keyof typeof INSERTS;
const TABLES = Object.keys(INSERTS) as Table[];

function relay(table: Table, database: Database): Promise<number | undefined> {
  const deps = { database, producer: { send: async () => {} }, topic: 't', installation: INSTALLATION };
  const encode = () => Buffer.alloc(0);
  return table === 'lastseen.kpi_ledger'
    ? createRelay(KPI_UPDATED_OUTBOX, { ...deps, encode })()
    : createRelay(INACTIVITY_OUTBOX, { ...deps, encode })();
}

async function listed(table: Table): Promise<readonly unknown[]> {
  const { rows } = await sql('SELECT seq FROM lastseen.unpublished WHERE outbox = $1::regclass ORDER BY seq', [table]);
  return rows.map(({ seq }) => seq);
}

async function unpublished(table: Table): Promise<readonly unknown[]> {
  const { rows } = await sql(`SELECT seq FROM ${table} WHERE published_at IS NULL ORDER BY seq`);
  return rows.map(({ seq }) => seq);
}

describe.each(TABLES)('marking events of %s as published', (table) => {
  it('keeps each row in its page, without new index entries', async () => {
    const events = 5_000;
    // Postgres reports the counts of a session at the latest when it ends.
    const writer = openDatabase({ url: db.url, applicationName: 'relay' });
    await sql(INSERTS[table], [events]);
    const statistics = async () =>
      (
        await sql(
          `SELECT n_tup_upd AS updated, n_tup_hot_upd AS hot, pg_indexes_size(relid) AS index_bytes
           FROM pg_stat_user_tables WHERE relid = $1::regclass`,
          [table],
        )
      ).rows[0] as { updated: bigint; hot: bigint; index_bytes: bigint };
    const before = await statistics();
    try {
      expect(await relay(table, writer)).toBe(events);
    } finally {
      await writer.close();
    }
    await expect
      .poll(async () => (await statistics()).updated - before.updated, { timeout: 20_000 })
      .toBe(BigInt(events));
    const after = await statistics();
    // Usually all. Pages that a concurrent snapshot needs cannot be cleaned meanwhile.
    expect(Number(after.hot - before.hot)).toBeGreaterThan(events * 0.8);
    expect(Number(after.index_bytes)).toBeLessThan(Number(before.index_bytes) * 1.3);
  });
});

describe.each(TABLES)('the list of unpublished rows of %s', (table) => {
  it('has a row that is committed after later ones were published', async () => {
    await db.database.transaction(async (late) => {
      await sql(INSERTS[table], [1], late);
      await sql(INSERTS[table], [3]);
      expect(await relay(table, db.database)).toBe(3);
      expect(await listed(table)).toEqual([]);
    });
    expect(await listed(table)).toHaveLength(1);
    expect(await relay(table, db.database)).toBe(1);
  });

  it('has exactly the rows without published_at, after any statement', async () => {
    await sql(INSERTS[table], [10]);
    expect(await listed(table)).toHaveLength(10);
    // As the release before marks them.
    await sql(`UPDATE ${table} SET published_at = now() WHERE seq % 3 = 0`);
    expect(await listed(table)).toEqual(await unpublished(table));
    // As an operator has events published again.
    await sql(`UPDATE ${table} SET published_at = CASE WHEN seq % 6 = 0 THEN now() END WHERE seq % 3 = 0`);
    expect(await listed(table)).toEqual(await unpublished(table));
    await sql(`DELETE FROM ${table} WHERE seq % 2 = 0`);
    expect(await listed(table)).toEqual(await unpublished(table));
    await db.database
      .transaction(async (tx) => {
        await sql(INSERTS[table], [5], tx);
        throw new Error('rolled back');
      })
      .catch(() => {});
    expect(await listed(table)).toEqual(await unpublished(table));
    const other = TABLES.find((each) => each !== table) as Table;
    await sql(INSERTS[other], [2]);
    await sql(`TRUNCATE ${table}`);
    expect(await listed(table)).toEqual([]);
    expect(await listed(other)).toHaveLength(2);
  });
});

describe('the migration', () => {
  it('lists the rows that were unpublished before it', async () => {
    const file = readFileSync(new URL('../../migrations/0018_unpublished.sql', import.meta.url), 'utf8');
    const [up = '', down = ''] = file.split('-- Down Migration');
    await sql(down);
    for (const table of TABLES) {
      await sql(INSERTS[table], [4]);
      await sql(`UPDATE ${table} SET published_at = now() WHERE seq = (SELECT min(seq) FROM ${table})`);
    }
    await sql(up);
    for (const table of TABLES) {
      expect(await listed(table)).toEqual(await unpublished(table));
      expect(await listed(table)).toHaveLength(3);
    }
    expect(await readOutboxState(db.database, INACTIVITY_OUTBOX)).toMatchObject({ waiting: 3n });
    expect(await takeUnpublished(db.database, KPI_UPDATED_OUTBOX, 2)).toHaveLength(2);
  });
});
