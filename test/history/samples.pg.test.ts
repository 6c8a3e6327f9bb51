import { afterAll, beforeAll, expect, it } from 'vitest';
import { retentionSample, sweepSample } from '../../src/history/samples.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

it('the newest sweep shows 0 for what its release did not count', async () => {
  await db.database.query({
    text: `
INSERT INTO lastseen.sweep_run
  (run_id, as_of, thresholds, lookback_days, status, active, inactive, crossed, ongoing, unresolved, undecidable,
   started_at, finished_at)
VALUES (gen_random_uuid(), now(), '{7}', 30, 'completed', 9, 5, 3, 2, 0, 0, now(), now())`,
  });
  const metrics = createMetrics();
  (await sweepSample(metrics, db.database).take())();
  const shown = (await metrics.registry.metrics()).match(/^lastseen_sweep_learners.*$/gm);
  expect(shown?.map((line) => line.replace('lastseen_sweep_learners', '')).sort()).toEqual([
    '{what="active"} 9',
    '{what="crossed"} 3',
    '{what="doubtful"} 0',
    '{what="inactive"} 5',
    '{what="ongoing"} 2',
    '{what="returned"} 0',
    '{what="returned_candidates"} 0',
    '{what="verified"} 0',
  ]);
});

it('own tables are shown with their sizes, a partitioned one as a whole, and when they were pruned', async () => {
  const sql = (text: string) => db.database.query({ text });
  await sql(`
CREATE TABLE lastseen.parted (n int) PARTITION BY RANGE (n);
CREATE TABLE lastseen.parted_1 PARTITION OF lastseen.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE lastseen.parted_2 PARTITION OF lastseen.parted FOR VALUES FROM (10) TO (20);
INSERT INTO lastseen.parted VALUES (1), (11);
UPDATE lastseen.retention SET pruned_at = NULL, created_at = to_timestamp(5)`);
  const metrics = createMetrics();
  const sample = retentionSample(metrics, db.database);
  const shown = async (name: string) =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(`lastseen_${name}`));
  (await sample.take())();
  expect(await shown('pruned_timestamp_seconds')).toEqual(['lastseen_pruned_timestamp_seconds 5']);
  expect(await shown('own_table_bytes')).toContain('lastseen_own_table_bytes{table="parted"} 16384');
  expect((await shown('own_table_bytes')).join()).toContain('kpi_ledger');
  await sql('UPDATE lastseen.retention SET pruned_at = to_timestamp(7); DROP TABLE lastseen.parted');
  (await sample.take())();
  expect(await shown('pruned_timestamp_seconds')).toEqual(['lastseen_pruned_timestamp_seconds 7']);
  sample.forget();
  expect([...(await shown('pruned')), ...(await shown('own_table'))]).toEqual([]);
});
