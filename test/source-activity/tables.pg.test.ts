import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neededColumns } from '../../src/activity/activity-of.ts';
import { readSourceTables, type SourceTable } from '../../src/source-activity/tables-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const sql = (text: string) => db.database.query({ text });
const read = () => readSourceTables(db.database, [['session', neededColumns('session', 'topic')]]);

/** Changes the table `session`, which has no index other than its primary key, and reads what the server knows of it. */
async function sessionWith(change: string): Promise<SourceTable | undefined> {
  await sql(`DROP TABLE IF EXISTS session CASCADE;
CREATE TABLE session (id text PRIMARY KEY, started_at timestamptz, ended_at timestamptz, user_id text)`);
  for (const statement of change.split(';')) await sql(statement);
  return (await read())[0];
}

describe('an index for the look-up of learners', () => {
  it.each([
    ['a btree index', 'CREATE INDEX ON session (user_id)'],
    ['a btree index of learner and instant', 'CREATE INDEX ON session (user_id, (coalesce(ended_at, started_at)))'],
    ['a primary key', 'ALTER TABLE session DROP CONSTRAINT session_pkey, ADD PRIMARY KEY (user_id, id)'],
    ['an index in descending order', 'CREATE INDEX ON session (user_id DESC)'],
    ['one of two indexes', 'CREATE INDEX ON session USING hash (user_id); CREATE INDEX ON session (user_id)'],
  ])('is found: %s', async (_, change) => {
    expect(await sessionWith(change)).toMatchObject({ hasLearnerIndex: true, missing: [] });
  });

  it.each([
    ['no index', 'SELECT'],
    ['a hash index', 'CREATE INDEX ON session USING hash (user_id)'],
    ['a BRIN index', 'CREATE INDEX ON session USING brin (user_id)'],
    ['a partial index', 'CREATE INDEX ON session (user_id) WHERE ended_at IS NOT NULL'],
    ['an index whose second column is the learner', 'CREATE INDEX ON session (started_at, user_id)'],
    ['an index that contains the learner only in its leaves', 'CREATE INDEX ON session (started_at) INCLUDE (user_id)'],
    ['an index of an expression', 'CREATE INDEX ON session (lower(user_id))'],
    ['an index in another collation', 'CREATE INDEX ON session (user_id COLLATE "POSIX")'],
  ])('is not found: %s', async (_, change) => {
    expect(await sessionWith(change)).toMatchObject({ hasLearnerIndex: false, missing: [] });
  });

  it('is not found: one that could not be built', async () => {
    await sessionWith(`INSERT INTO session (id, user_id) VALUES ('a', 'anna'), ('b', 'anna')`);
    await expect(sql('CREATE UNIQUE INDEX CONCURRENTLY ON session (user_id)')).rejects.toThrow();
    expect(await read()).toMatchObject([{ hasLearnerIndex: false }]);
  });
});

describe('a source table', () => {
  it.each([
    ['text', 'text'],
    ['varchar(40)', 'character varying'],
    ['char(40)', 'character'],
    ['uuid', 'uuid'],
    ['name_of_learner', 'text'],
  ])('has a learner of type %s, which is %s', async (type, learnerType) => {
    await sql('DROP DOMAIN IF EXISTS name_of_learner CASCADE; CREATE DOMAIN name_of_learner AS text');
    const changed = `ALTER TABLE session ALTER user_id TYPE ${type} USING NULL`;
    expect(await sessionWith(changed)).toMatchObject({ learnerType });
  });

  it('may lack columns', async () => {
    const change = 'ALTER TABLE session DROP user_id, DROP ended_at';
    expect(await sessionWith(change)).toEqual({
      source: 'session',
      exists: true,
      missing: ['user_id', 'ended_at'],
      unreadable: [],
      learnerType: null,
      hasLearnerIndex: false,
      database: expect.any(String),
    });
  });

  it('may not exist', async () => {
    expect(await sessionWith('DROP TABLE session')).toMatchObject({ exists: false, unreadable: [] });
  });
});
