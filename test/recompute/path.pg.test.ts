import { randomUUID } from 'node:crypto';
import { type Profiler, Session } from 'node:inspector/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import { createDeadLetterWindow } from '../../src/dead-letters/dead-letter.ts';
import type { InactivityEvent } from '../../src/events/inactivity-event.ts';
import { createRecompute } from '../../src/recompute/pipeline.ts';
import { OPTIONS } from '../kpi/compute-figures.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { insertRows } from '../support/platform-rows.ts';
import { crossedEvent } from './crossed-event.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const SRC = join(import.meta.dirname, '../../src');
const INFRASTRUCTURE = /^(kafka|postgres|registry|runtime)\//;

/** The files of src, without infrastructure, of which at least one function runs during `work`. */
async function filesRunBy(work: () => Promise<void>): Promise<readonly string[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  // Vitest reads exports through getters without a name. In src, a function without a name runs inside of a named one.
  const ran = (each: Profiler.FunctionCoverage) =>
    each.functionName !== '' && each.ranges.some(({ count }) => count > 0);
  return result
    .filter(({ functions }) => functions.some(ran))
    .map(({ url }) => relative(SRC, url.startsWith('file:') ? fileURLToPath(url) : url))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('..') && !INFRASTRUCTURE.test(path))
    .sort();
}

/** A learner in the table of last seen, with an ability, an exam and a captured attempt. */
async function learner(userId: string): Promise<InactivityEvent> {
  const studentId = studentIdOf(userId);
  const questions = [1, 2].map((id) => ({ question_id: id, is_correct: id === 2, time_spent_sec: 30 }));
  const exam = (session_id: string, created_at: string) => ({
    id: randomUUID(),
    session_id,
    user_id: userId,
    created_at,
    result_json: { questions },
  });
  await insertRows(db.database, 'exam_results', [
    exam(`${userId} 1`, '2026-01-25Z'),
    exam(`${userId} 2`, '2026-03-01Z'),
  ]);
  await insertRows(db.database, 'attempt', [
    {
      id: userId.length,
      student_id: studentId,
      item_id: 1,
      topic_id: null,
      correct: true,
      response_time_ms: 20_000,
      hint_used: false,
      session_id: null,
      completed_at: '2026-03-08Z',
    },
  ]);
  await insertRows(db.database, 'ability_estimates', [
    { user_id: userId, mean: 0.5, sd: 0.8, fitted_at: '2026-03-01Z' },
  ]);
  await db.database.query({
    text: `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, $2, '2026-03-08T05:00Z')`,
    values: [studentId, userId],
  });
  return crossedEvent(userId);
}

async function answered(event: InactivityEvent): Promise<unknown> {
  const stages = createRecompute({
    source: db.database,
    database: db.database,
    options: OPTIONS,
    decode: () => event,
    deadLetters: { send: async () => {} },
    failedLearners: { send: async () => {} },
    deadLetterLimit: createDeadLetterWindow(0.05),
  });
  const record = { key: null, value: Buffer.from('event'), timestamp: '0', offset: '0' };
  const round = stages.open();
  await stages.collect({ topic: 'events', partition: 0, records: [record], fromOffset: 0n, nextOffset: 1n }, round);
  await stages.apply(round, []);
  const { rows } = await db.database.query<{ figures: string }>({
    text: `SELECT array_to_string(ARRAY(SELECT jsonb_object_keys(kpis) ORDER BY 1), ' ') AS figures
           FROM weekly_kpi WHERE user_id = $1`,
    values: [event.user_id],
  });
  return rows[0]?.figures;
}

it.each([
  ['a missing weekly row', 'anna', 'A_t E_t I_t P R_t S'],
  ['an existing weekly row', 'bennet', 'P S'],
])('runs at most 15 files of src from an inactivity event to %s', async (_, userId, figures) => {
  const event = await learner(userId);
  if (figures === 'P S')
    await db.database.query({ text: `INSERT INTO weekly_kpi VALUES ('bennet', '2026-03-16', '{}')` });
  let written: unknown;
  const files = await filesRunBy(async () => {
    written = await answered(event);
  });
  expect(written).toBe(figures);
  expect(files).toContain('recompute/pipeline.ts');
  expect(files).toContain('kpi/weekly/rows-store.ts');
  expect(files.length, files.join('\n')).toBeLessThanOrEqual(15);
});
