import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptSource } from '../../src/activity/activity-of.ts';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { Source } from '../../src/activity/source.ts';
import { must } from '../../src/runtime/must.ts';
import { readSourceDays } from '../../src/source-activity/days-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => sql('TRUNCATE session, attempt, exam_results, features_topic_daily'));

const sql = (text: string) => db.database.query({ text });
const DAY_1 = 20_514;
const at = (text: string) => must(parseInstant(text), 'it is an instant');

/** Day 1 is 2026-03-02. */
async function daysOf(source: Source, attemptSource: AttemptSource = 'topic') {
  const found: Record<string, readonly number[]> = {};
  await db.database.snapshot(async (snapshot) => {
    for await (const { studentId, days } of readSourceDays(snapshot, source, attemptSource, at('2026-03-20Z')))
      found[studentId] = days.map((day) => day - DAY_1 + 1);
  });
  return found;
}

describe('the active days of a source', () => {
  it('are those of start and end of a session, in UTC, once each', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at, ended_at) VALUES
      ('a', 'anna', '2026-03-02T23:30Z', '2026-03-03T00:10Z'), ('b', 'anna', '2026-03-03T09:00Z', NULL),
      ('c', 'anna', '2026-03-06T01:00+02:00', '2026-03-05T23:30Z'), ('d', 'bob', NULL, '2026-03-09Z')`);
    expect(await daysOf('session')).toEqual({ [studentIdOf('anna')]: [1, 2, 4], [studentIdOf('bob')]: [8] });
  });

  it('are those of both dates of an exam', async () => {
    await sql(`INSERT INTO exam_results (id, session_id, user_id, created_at, updated_at) VALUES
      (gen_random_uuid(), 's1', 'anna', '2026-03-02Z', '2026-03-12Z'), (gen_random_uuid(), 's2', 'anna', '2026-03-04Z', NULL)`);
    expect(await daysOf('exam_results')).toEqual({ [studentIdOf('anna')]: [1, 3, 11] });
  });

  it('leave out rows without a learner, and instants before 2000 or after the last one', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at, ended_at) VALUES
      ('a', NULL, '2026-03-02Z', NULL), ('b', '', '2026-03-02Z', NULL), ('c', 'anna', '1999-12-31Z', '2026-03-03Z'),
      ('d', 'anna', '2026-03-20T00:00:00.000001Z', '2026-03-20Z'), ('e', 'carl', NULL, NULL)`);
    expect(await daysOf('session')).toEqual({ [studentIdOf('anna')]: [2, 19] });
  });

  it('are by key: spellings of a UUID and of a padded name are one learner', async () => {
    const id = 'aaaaaaaa-0000-4000-8000-000000000001';
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES
      ('a', '${id}', '2026-03-02Z'), ('b', '${id.toUpperCase()}', '2026-03-04Z'), ('c', 'anna ', '2026-03-05Z'), ('d', 'anna', '2026-03-06Z')`);
    expect(await daysOf('session')).toEqual({ [id]: [1, 3], [studentIdOf('anna')]: [4, 5] });
    await sql(
      `INSERT INTO attempt (id, student_id, completed_at) VALUES (1, '${id}', '2026-03-02Z'), (2, '${id}', '2026-03-02T12:00Z')`,
    );
    expect(await daysOf('attempt')).toEqual({ [id]: [1] });
  });

  it('of attempts are those of exam results with questions, if attempts come from there', async () => {
    await sql(`INSERT INTO exam_results (id, session_id, user_id, created_at, result_json) VALUES
      (gen_random_uuid(), 's1', 'anna', '2026-03-02Z', '{"questions": [{}]}'),
      (gen_random_uuid(), 's2', 'anna', '2026-03-03Z', '{"questions": []}'), (gen_random_uuid(), 's3', 'anna', '2026-03-04Z', NULL)`);
    expect(await daysOf('attempt', 'exam_results')).toEqual({ [studentIdOf('anna')]: [1] });
  });

  it('come in the order of the keys', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at)
      SELECT n, 'user-' || n, timestamptz '2026-03-02Z' + n * interval '1 hour' FROM generate_series(1, 300) AS n`);
    const keys = Object.keys(await daysOf('session'));
    expect(keys).toHaveLength(300);
    expect(keys).toEqual([...keys].sort());
  });
});
