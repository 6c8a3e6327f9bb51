import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { must } from '../../src/runtime/must.ts';
import { type LearnerExams, readExams } from '../../src/source-activity/exams-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({
    text: `INSERT INTO exam_results (id, session_id, user_id, created_at, updated_at) VALUES
      (gen_random_uuid(), 'late', 'anna', '2026-03-01Z', '2026-03-09T08:00:00.000001Z'),
      (gen_random_uuid(), 'early', 'anna', '2026-03-02T12:00Z', NULL), (gen_random_uuid(), 'other', 'bob', '2026-03-03Z', NULL),
      (gen_random_uuid(), 'next', 'anna', '2026-03-20T00:00:00.000001Z', NULL), (gen_random_uuid(), 'none', NULL, '2026-03-03Z', NULL),
      (gen_random_uuid(), 'old', 'bob', '1999-03-03Z', NULL), (gen_random_uuid(), 'empty', ' ', '2026-03-03Z', NULL)`,
  });
});
afterAll(() => db.close());

test('the exams of a learner come oldest first, by the instant that counts, to the microsecond', async () => {
  const found: LearnerExams[] = [];
  const until = must(parseInstant('2026-03-20Z'), 'it is an instant');
  await db.database.snapshot(async (snapshot) => {
    for await (const exams of readExams(snapshot, until)) found.push(exams);
  });
  const seconds = (text: string) => Date.parse(text) / 1_000;
  const expected = [
    {
      studentId: studentIdOf('anna'),
      at: [seconds('2026-03-02T12:00Z'), seconds('2026-03-09T08:00Z') + 1e-6],
      sessions: ['early', 'late'],
    },
    { studentId: studentIdOf('bob'), at: [seconds('2026-03-03Z')], sessions: ['other'] },
  ];
  expect(found).toEqual(expected.sort((a, b) => (a.studentId < b.studentId ? -1 : 1)));
});
