import { afterAll, beforeAll, expect, it } from 'vitest';
import { sweepSample } from '../../src/history/samples.ts';
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
