import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { mergeFigures } from '../../src/kpi/weekly/rows-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { insertRows } from '../support/platform-rows.ts';

const AS_OF = '2026-03-16T05:00:00Z';
const ago = (days: number) => formatInstant((parseInstant(AS_OF) ?? 0n) - BigInt(days) * MICROS_PER_DAY);
const ANNA_ID = studentIdOf('anna');

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  const padded = ['session', 'exam_results', 'features_topic_daily', 'ability_estimates', 'weekly_kpi'];
  for (const table of padded) await sql(`ALTER TABLE ${table} ALTER user_id TYPE char(12)`);
  await sql('ALTER TABLE attempt ALTER student_id TYPE text');
  await insertRows(db.database, 'session', [{ id: '1', user_id: 'anna', started_at: ago(9), ended_at: ago(8) }]);
  await insertRows(db.database, 'exam_results', [
    { id: randomUUID(), session_id: 'e1', user_id: 'anna', created_at: ago(14) },
  ]);
  await insertRows(db.database, 'ability_estimates', [{ user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: ago(3) }]);
  await insertRows(db.database, 'attempt', [
    { id: 1, student_id: ANNA_ID.toUpperCase(), completed_at: ago(2) },
    { id: 2, student_id: `{${ANNA_ID}}`, completed_at: ago(1) },
    { id: 3, student_id: 'nobody', completed_at: ago(1) },
  ]);
  await sql(`INSERT INTO weekly_kpi (user_id, week_start, kpis) VALUES ('anna', '2026-03-16', '{"A_t": 0.5}')`);
  await sql(
    `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ('${ANNA_ID}', 'anna', '${ago(8)}')`,
  );
});
afterAll(() => db.close());

const sql = (text: string) => db.database.query<Record<string, unknown>>({ text });
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCli({ DATABASE_URL: db.url }, args);
  expect(code, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

describe('with user ids of type char(n) and student ids of type text', () => {
  it.each(['anna', 'anna        ', ANNA_ID])('explains the learner %j', async (user) => {
    const [explained] = await run('explain', user, '--as-of', AS_OF, '--json');
    expect(explained).toMatchObject({
      user_id: 'anna',
      student_id: ANNA_ID,
      last_seen: { in_sources: { at: '2026-03-14T05:00:00.000000Z', decided_by: 'attempt' } },
      weekly_kpis: { A_t: 0.5 },
    });
  });

  it('computes the figures of every learner once', async () => {
    const all = await run('kpi', '--all', '--as-of', AS_OF, '--json');
    expect(all).toMatchObject([{ user_id: 'anna', P: expect.any(Number), S: expect.any(Number) }]);
    expect(await run('kpi', '--user', 'anna  ', '--as-of', AS_OF, '--json')).toEqual(all);
  });

  it('updates the existing weekly row', async () => {
    const target = { userId: 'anna', weekStart: '2026-03-16', figures: { P: 0.25, S: 0.75 } };
    const written = await mergeFigures(db.database, [target]);
    expect(written.get(target)).toEqual({ inserted: false });
    expect((await sql('SELECT kpis FROM weekly_kpi')).rows).toEqual([{ kpis: { A_t: 0.5, P: 0.25, S: 0.75 } }]);
  });

  it('forgets the learner by any padding of the name', async () => {
    const [forgotten] = await run('forget', 'anna    ', '--dry-run', '--json');
    expect(forgotten).toMatchObject({ rows: { user_last_seen: 1 } });
  });
});
