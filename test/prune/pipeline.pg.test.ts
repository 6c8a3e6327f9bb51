import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dateOf, formatInstant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { readRetention } from '../../src/history/retention-store.ts';
import { withLock } from '../../src/postgres/locks.ts';
import { type PruneDeps, previewPrune, prune } from '../../src/prune/pipeline.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await sql(`TRUNCATE lastseen.episode, lastseen.inactivity_outbox, lastseen.kpi_ledger, lastseen.kpi_watermark,
    lastseen.sweep_run, lastseen.audit_run, lastseen.dead_letter, lastseen.track_gap, lastseen.capture_break,
    lastseen.capture_evidence, lastseen.redriven_letter, weekly_kpi`);
  await sql('UPDATE lastseen.retention SET week_floor = NULL, pruned_at = NULL');
});

const sql = <Row = Record<string, unknown>>(text: string, values: unknown[] = []) =>
  db.database.query<Row>({ text, values });

const NOW = must(parseInstant('2026-03-18T05:00:00Z'), 'an instant');
const LONG = { timeout: 20_000 };
/** The Monday before 400 days before {@link NOW}. */
const FLOOR = '2025-02-10';

const deps = (changes: Partial<PruneDeps> = {}): PruneDeps => ({
  database: db.database,
  now: () => NOW,
  lookbackDays: 30,
  isStopping: () => false,
  showProgress: () => ({ update() {}, end() {} }),
  ...changes,
});

const ago = (days: number): string => formatInstant(NOW - BigInt(Math.round(days * 24)) * (MICROS_PER_DAY / 24n));

const event = (published: string | null, detected = ago(500)) =>
  sql(
    `INSERT INTO lastseen.inactivity_outbox
       (phase, student_id, user_id, threshold_days, last_seen_at, as_of, detected_at, published_at)
     VALUES ('CROSSED', gen_random_uuid(), 'anna', 7, $1, $1, $1, $2)`,
    [detected, published],
  );
const answer = (weekStart: string, published: string | null) =>
  sql(
    `INSERT INTO lastseen.kpi_ledger (cause_event_id, user_id, week_start, as_of, computed, row_created, published_at)
     VALUES (gen_random_uuid(), 'anna', $1, $1::date, 'ALL', true, $2)`,
    [weekStart, published],
  );
const watermark = (weekStart: string) =>
  sql(`INSERT INTO lastseen.kpi_watermark VALUES ('anna', $1, $1::date)`, [weekStart]);
const silence = (lastSeen: string, returned: string | null) =>
  sql(
    `INSERT INTO lastseen.episode
       (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on, returned_as_of)
     VALUES (gen_random_uuid(), 7, $1, gen_random_uuid(), $1, $1, '2025-01-01', $2)`,
    [lastSeen, returned],
  );

async function column(table: string, name: string): Promise<readonly unknown[]> {
  const { rows } = await sql(`SELECT ${name}::text AS value FROM lastseen.${table} ORDER BY 1`);
  return rows.map(({ value }) => value);
}

/** Some rows of each kind that are old, and of each that never go. */
async function history(): Promise<void> {
  await event(ago(60.5));
  await event(ago(59.5));
  await event(null);
  for (const week of ['2025-02-03', FLOOR]) {
    await answer(week, ago(59));
    await watermark(week);
  }
  await answer('2025-01-06', null);
  await silence('2025-01-01T00:00:00Z', '2025-02-09T23:59:59.999999Z');
  await silence('2025-01-01T00:00:00Z', '2025-02-10T00:00:00Z');
  await silence('2020-01-01T00:00:00Z', null);
}

describe('prune', () => {
  it('removes what is older than the limit of its kind, and what is published', async () => {
    await history();
    const { floor, kinds } = await prune(deps());
    expect(dateOf(must(floor, 'a floor'))).toBe(FLOOR);
    expect(kinds.map(({ kind, rows }) => [kind, rows])).toEqual([
      ['published events', 1n],
      ['answers', 1n],
      ['watermarks', 1n],
      ['closed silences', 1n],
      ['sweeps', 0n],
      ['audits', 0n],
    ]);
    expect(await column('inactivity_outbox', 'published_at')).toHaveLength(2);
    expect(await column('kpi_ledger', 'week_start')).toEqual(['2025-01-06', FLOOR]);
    expect(await column('kpi_watermark', 'week_start')).toEqual([FLOOR]);
    expect(await column('episode', 'returned_as_of')).toEqual(['2025-02-10 00:00:00+00', null]);
    const retention = await readRetention(db.database);
    expect(retention.floor).toBe(floor);
    expect(retention.prunedAt).not.toBeNull();
    // Once it is published, it may go.
    await sql('UPDATE lastseen.kpi_ledger SET published_at = now()');
    await prune(deps());
    expect(await column('kpi_ledger', 'week_start')).toEqual([FLOOR]);
  });

  it('changes no letter, gap, break, evidence, weekly row or redriven letter', async () => {
    await history();
    await sql(`
INSERT INTO lastseen.dead_letter
  (topic, partition, record_offset, record_timestamp, reason, step, detail, recorded_at, closed_at, closed_by)
VALUES ('t', 0, 1, 0, 'r', 's', 'd', '2020-01-01', NULL, NULL), ('t', 0, 2, 0, 'r', 's', 'd', '2020-01-01', '2020-01-02', 'audit');
INSERT INTO lastseen.track_gap (topic, partition, kind, from_offset, to_offset, found_at, closed_at, closed_by)
VALUES ('t', 0, 'lost', 1, 2, '2020-01-01', NULL, NULL), ('t', 0, 'lost', 3, 4, '2020-01-01', '2020-01-02', 'audit');
INSERT INTO lastseen.capture_evidence (evidence, first_seen_at, last_seen_at, replaced_at)
VALUES ('{}', '2020-01-01', '2020-01-01', '2020-01-01'), ('{}', '2020-01-01', '2020-01-01', NULL);
INSERT INTO lastseen.capture_break (changes, sources, last_intact_at, found_at) VALUES ('{x}', '{session}', '2020-01-01', '2020-01-01');
INSERT INTO lastseen.redriven_letter VALUES ('t', 0, 1, '2020-01-01', '2020-01-01');
INSERT INTO weekly_kpi VALUES ('anna', '2020-01-06', '{"P": 0.5}', '2020-01-06', '2020-01-06')`);
    const all = async () => {
      const tables = [
        ...['dead_letter', 'track_gap', 'capture_evidence', 'capture_break', 'redriven_letter', 'installation'],
        ...['migration', 'track_progress', 'user_last_seen'],
      ].map((name) => `lastseen.${name}`);
      const texts = [...tables, 'weekly_kpi'].map((name) => `SELECT '${name}', t::text, t.ctid::text FROM ${name} t`);
      return (await sql(`${texts.join(' UNION ALL ')} ORDER BY 1, 2`)).rows;
    };
    const before = await all();
    expect(before.length).toBeGreaterThan(10);
    await prune(deps());
    expect(await all()).toEqual(before);
  });

  it('with --dry-run counts the same, and writes nothing', async () => {
    await history();
    const preview = await previewPrune(deps({ batchPages: 1 }));
    expect(await readRetention(db.database)).toMatchObject({ floor: null, prunedAt: null });
    expect(await column('episode', 'returned_as_of')).toHaveLength(3);
    const done = await prune(deps());
    expect(preview).toEqual(done);
    expect(done.kinds.every(({ bytes, tableBytes }) => bytes < tableBytes)).toBe(true);
    expect(await previewPrune(deps())).toMatchObject({ floor: done.floor });
  });

  it('raises no floor if there is nothing to remove below it', async () => {
    await answer(FLOOR, ago(1));
    await watermark(FLOOR);
    await silence('2020-01-01T00:00:00Z', null);
    expect(await prune(deps())).toMatchObject({ floor: null });
    expect((await readRetention(db.database)).floor).toBeNull();
  });

  it('never lowers the floor', async () => {
    await history();
    const { floor } = await prune(deps());
    await watermark('2020-01-06');
    expect(await prune(deps({ lookbackDays: 1_000 }))).toMatchObject({ floor });
    expect(await prune(deps({ now: () => NOW - 100n * MICROS_PER_DAY }))).toMatchObject({ floor });
    expect(await column('kpi_watermark', 'week_start')).toEqual([FLOOR]);
  });

  it('does not trust a clock that is ahead of the server', async () => {
    await sql(`
INSERT INTO lastseen.kpi_watermark SELECT 'ben', date_trunc('week', now())::date - 7 * n, now() FROM generate_series(0, 56) n`);
    await prune(deps({ now: () => NOW + 5_000n * MICROS_PER_DAY }));
    expect(await column('kpi_watermark', 'week_start')).toHaveLength(57);
  });

  it('raises the floor before it removes rows, and removes the rest after an interruption', async () => {
    await history();
    let batches = 0;
    const interrupted = deps({ batchPages: 1, isStopping: () => batches++ === 1 });
    await expect(prune(interrupted)).rejects.toMatchObject({ code: 'interrupted' });
    expect(await readRetention(db.database)).toMatchObject({ floor: expect.any(BigInt), prunedAt: null });
    expect(await column('kpi_watermark', 'week_start')).toHaveLength(2);
    await prune(deps());
    expect(await column('kpi_watermark', 'week_start')).toEqual([FLOOR]);
  });

  it('is busy while a sweep or another prune is running, and removes nothing then', async () => {
    await history();
    for (const lock of ['sweep', 'prune'] as const) {
      const outcome = await withLock(db.database, lock, () => prune(deps()).catch((error: unknown) => error));
      expect(outcome).toMatchObject({ code: 'busy', message: expect.stringContaining(`another ${lock} is running`) });
    }
    expect(await column('kpi_watermark', 'week_start')).toHaveLength(2);
    expect((await readRetention(db.database)).floor).toBeNull();
  });

  it('keeps a silence that is reopened while it waits for its row', async () => {
    await silence('2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z');
    const pruning = await db.database.transaction(async (tx) => {
      await tx.query({ text: 'UPDATE lastseen.episode SET returned_as_of = NULL, reopenings = 1' });
      const done = prune(deps());
      await expect
        .poll(async () => {
          const waiting = `SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%DELETE FROM lastseen.episode%'`;
          return (await sql(waiting)).count;
        }, LONG)
        .toBe(1);
      return { done };
    });
    await pruning.done;
    expect(await column('episode', 'reopenings')).toEqual(['1']);
  });

  it('reports progress up to the number of pages', async () => {
    await history();
    const shown: number[] = [];
    let total = 0;
    const showProgress: PruneDeps['showProgress'] = (pages) => {
      total = pages;
      return { update: (done) => void shown.push(done), end: () => void shown.push(-1) };
    };
    await prune(deps({ batchPages: 1, showProgress }));
    expect(shown.at(-1)).toBe(-1);
    expect(shown.at(-2)).toBe(total);
    expect(total).toBeGreaterThan(0);
  });
});

describe('prune of many pages', () => {
  it('removes the due rows of all of them, in transactions of some pages', async () => {
    await sql(
      `INSERT INTO lastseen.kpi_watermark
       SELECT 'user ' || n, date '2025-02-10' - 7 * (n % 2), now() FROM generate_series(1, 20000) n`,
    );
    const transactions = async () =>
      Number((await sql<{ n: bigint }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS n')).rows[0]?.n);
    const before = await transactions();
    const { kinds } = await prune(deps({ batchPages: 10 }));
    const watermarks = must(
      kinds.find(({ kind }) => kind === 'watermarks'),
      'a kind',
    );
    expect(watermarks.rows).toBe(10_000n);
    expect(watermarks.bytes).toBeGreaterThan(0.4 * watermarks.tableBytes);
    expect((await sql('SELECT FROM lastseen.kpi_watermark')).count).toBe(10_000);
    expect((await transactions()) - before).toBeGreaterThan(10);
  });
});
