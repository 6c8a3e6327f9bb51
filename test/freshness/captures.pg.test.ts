import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { uncaptured } from '../../src/freshness/capture.ts';
import { readCaptures } from '../../src/freshness/capture-store.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
const sql = (text: string) => db.database.query({ text });

beforeAll(async () => {
  db = await freshDatabase();
  await sql(`DROP TABLE session; CREATE TABLE session (id text, user_id text, started_at timestamptz, ended_at timestamptz,
      org_id int, created_at timestamptz) PARTITION BY RANGE (created_at);
    CREATE TABLE session_1 PARTITION OF session FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
    CREATE TABLE session_2 PARTITION OF session FOR VALUES FROM ('2026-01-01') TO ('2030-01-01') PARTITION BY LIST (org_id);
    CREATE TABLE session_2_a PARTITION OF session_2 FOR VALUES IN (1);
    CREATE TABLE session_2_b PARTITION OF session_2 FOR VALUES IN (2)`);
});
afterAll(() => db.close());
afterEach(() => sql('DROP PUBLICATION IF EXISTS pub'));

async function captureOf(source: 'session' | 'attempt', publication: string) {
  await sql(`CREATE PUBLICATION pub ${publication}`);
  const capture = must((await readCaptures(db.database, 'pub')).get(source), 'the table exists');
  return { ...capture, reasons: uncaptured(source, 'pub', capture) };
}
const LEAVES = ['public.session_1', 'public.session_2_a', 'public.session_2_b'];

describe('a partitioned table', () => {
  it.each([
    ['by itself', 'FOR TABLE session WITH (publish_via_partition_root = true)', ['public.session']],
    ['by itself, with its partitions', 'FOR TABLE session', LEAVES],
    ['by all its partitions', 'FOR TABLE session_1, session_2_a, session_2_b', LEAVES],
    [
      'by partitions of two levels',
      'FOR TABLE session_1, session_2 WITH (publish_via_partition_root = true)',
      ['public.session_1', 'public.session_2'],
    ],
    ['with its schema', 'FOR TABLES IN SCHEMA public', LEAVES],
  ])('is captured if it is published %s', async (_, publication, tables) => {
    expect(await captureOf('session', publication)).toMatchObject({ tables, reasons: [] });
  });

  it('is not captured if one of its partitions is not published, which is named', async () => {
    expect((await captureOf('session', 'FOR TABLE session_1, session_2_b')).reasons).toEqual([
      'session: partitions public.session_2_a are not in publication pub, so their changes are not captured',
    ]);
  });

  it('is not captured if none of its partitions is published', async () => {
    expect((await captureOf('session', 'FOR TABLE attempt')).reasons).toEqual([
      'session: table session is not in publication pub, so its changes are not captured',
    ]);
  });
});

describe('a table', () => {
  it.each([
    [
      'has a row filter',
      'FOR TABLE attempt WHERE (item_id > 7)',
      /^attempt: publication pub has the row filter public.attempt WHERE \(.*7/,
    ],
    [
      'leaves out a column in use',
      'FOR TABLE attempt (id, student_id)',
      /^attempt: .* columns public.attempt.completed_at,/,
    ],
    [
      'has no updates',
      "FOR TABLE attempt WITH (publish = 'insert, delete')",
      /^publication pub does not publish update \(its option publish\)/,
    ],
    ['has no inserts and updates', "FOR ALL TABLES WITH (publish = 'delete')", /does not publish insert and update /],
  ])('is not captured if the publication %s', async (_, publication, reason) => {
    expect((await captureOf('attempt', publication)).reasons).toEqual([expect.stringMatching(reason)]);
  });

  it('is captured if the publication leaves out columns that are not in use', async () => {
    const { reasons } = await captureOf('attempt', 'FOR TABLE attempt (id, student_id, completed_at)');
    expect(reasons).toEqual([]);
  });
});
