import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() =>
  sql(`
TRUNCATE lastseen.dead_letter RESTART IDENTITY;
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id)
VALUES ('a', 0, 7, 1, 'missing_column', 'activity', 'no column x', md5('anna')::uuid),
  ('b', 1, 8, 1, 'not_decodable', 'decode', 'truncated', NULL)`),
);

const sql = async (text: string) => (await db.database.query<Record<string, unknown>>({ text })).rows;
const dlq = (...args: string[]) => runCli({ DATABASE_URL: asRole(db.url, 'operator') }, ['dlq', ...args]);

describe('dlq discard', () => {
  it('closes the letters that it is given, with the reason', { timeout: 120_000 }, async () => {
    const run = await dlq('discard', '--id', '1', '--because', 'a test record', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toEqual({ discarded: 1 });
    expect(await sql('SELECT letter_id, closed_by FROM lastseen.dead_letter ORDER BY 1')).toEqual([
      { letter_id: 1n, closed_by: 'discard: a test record' },
      { letter_id: 2n, closed_by: null },
    ]);
    const open = await dlq('list', '--open', '--json');
    expect(open.json(), open.stderr).toMatchObject({
      letter_id: 2,
      topic: 'b',
      student_id: null,
      reason: 'not_decodable',
    });
  });

  it('needs a reason, and says which letters', { timeout: 120_000 }, async () => {
    expect(await dlq('discard', '--id', '1')).toMatchObject({ code: 2 });
    expect(await dlq('discard', '--because', 'all of them')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no letters are selected'),
    });
    expect(await sql('SELECT FROM lastseen.dead_letter WHERE closed_at IS NULL')).toHaveLength(2);
  });
});
