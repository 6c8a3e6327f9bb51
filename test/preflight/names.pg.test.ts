import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCaptureNames } from '../../src/preflight/names-store.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(async () => {
  await sql(`SELECT pg_drop_replication_slot('of_${name()}')`);
  await db.close();
});

const sql = (text: string) => db.database.query({ text });
const name = () => must(new URL(db.url).pathname.slice(1), 'a database has a name');

it('reads slots with their database, and publications with the sources whose tables or partitions they have', async () => {
  await sql(`SELECT pg_create_logical_replication_slot('of_${name()}', 'pgoutput')`);
  await sql(`
CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);
DROP TABLE session;
CREATE TABLE session (id text, user_id text, started_at timestamptz, ended_at timestamptz) PARTITION BY RANGE (started_at);
CREATE TABLE session_1 PARTITION OF session FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE PUBLICATION a FOR TABLE session_1, attempt;
CREATE PUBLICATION b FOR TABLE parted;
CREATE PUBLICATION c FOR ALL TABLES`);
  const { database, slots, publications } = await readCaptureNames(db.database);
  expect(database).toBe(name());
  expect(slots).toContainEqual({ name: `of_${name()}`, database });
  expect(publications).toEqual([
    { name: 'a', sources: ['attempt', 'session'] },
    { name: 'b', sources: [] },
    { name: 'c', sources: ['attempt', 'exam_results', 'features_topic_daily', 'session'] },
  ]);
});
