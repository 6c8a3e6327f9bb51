/**
 * A batch job that computes P and S for one learner at a time on one connection: it reads the learner's inputs by index,
 * uses the same functions, and updates the weekly row.
 *
 *   node bench/recompute/batch-job.ts DATABASE_URL AS_OF_US LEARNERS
 */
import { studentIdOf } from '../../src/activity/learner.ts';
import { figures } from '../../src/kpi/figures/figures.ts';
import { loadFigureInputs } from '../../src/kpi/inputs/pipeline.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { OPTIONS } from '../../test/kpi/compute-figures.ts';

const [url = '', asOfUs = '', learners = ''] = process.argv.slice(2);
const asOf = BigInt(asOfUs);
const database = openDatabase({ url, applicationName: 'batch-job', maxConnections: 1 });
const deps = {
  source: database,
  database,
  growthService: undefined,
  options: OPTIONS,
};

const startedAt = performance.now();
for (let learner = 1; learner <= Number(learners); learner++) {
  const userId = `learner-${learner}`;
  const request = { userId, studentId: studentIdOf(userId), asOf, wanted: ['P', 'S'], row: 'existing' } as const;
  const inputs = await loadFigureInputs(deps, [request]);
  const computed = figures(must(inputs.get(request), 'inputs are loaded for every learner'), deps.options);
  const { rows } = await database.query<{ week_start: string }>({
    name: 'weekly_row',
    text: 'SELECT week_start FROM weekly_kpi WHERE user_id = $1 ORDER BY week_start DESC LIMIT 1',
    values: [userId],
  });
  await database.query({
    name: 'update_weekly_row',
    text: 'UPDATE weekly_kpi SET kpis = kpis || $3::jsonb, updated_at = now() WHERE user_id = $1 AND week_start = $2',
    values: [userId, rows[0]?.week_start, JSON.stringify(computed.figures)],
  });
}
console.log(JSON.stringify({ seconds: (performance.now() - startedAt) / 1000 }));
await database.close();
