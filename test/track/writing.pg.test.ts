import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { createFold, type LearnerColumns } from '../../src/last-seen/fold.ts';
import type { Database, Queryable } from '../../src/postgres/database.ts';
import { writeLearners } from '../../src/track/writing-pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.database.query({
    text: 'TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox',
  });
});

const SEEN = 1_773_637_200_000_000n;
const FEW = 100;
const MANY = 20_001;

function learners(size: number, at: bigint): LearnerColumns {
  const fold = createFold();
  for (let n = 0; n < size; n++) {
    const studentId = `00000000-0000-4000-8000-${String((n * 7_919) % size).padStart(12, '0')}` as StudentId;
    const userId = n % 3 === 0 ? studentId : n % 3 === 1 ? `u${n}` : null;
    fold.add({ studentId, userId, source: n % 2 === 0 ? 'session' : 'attempt', at: at + BigInt(n) }, at + BigInt(n));
  }
  return fold.columns();
}

const write = (columns: LearnerColumns, database: Database, rest = seenRows) =>
  writeLearners(database, columns, { mostRowsChange: false, now: () => SEEN }, rest);

async function seenRows(tx: Queryable): Promise<number> {
  return (await tx.query({ text: 'SELECT FROM lastseen.user_last_seen' })).count;
}

async function table(): Promise<unknown[]> {
  return (await db.database.query({ text: 'SELECT * FROM lastseen.user_last_seen ORDER BY student_id' })).rows;
}

/** Opens an episode for about every tenth learner with a known user_id. */
async function openEpisodes(): Promise<number> {
  const { count } = await db.database.query({
    text: `
INSERT INTO lastseen.episode (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
SELECT student_id, 7, last_seen_at, gen_random_uuid(), now(), now(), current_date
FROM lastseen.user_last_seen WHERE right(student_id::text, 1) = '0' AND user_id IS NOT NULL`,
  });
  expect(count).toBeGreaterThan(0);
  return count;
}

async function returnedOnce(): Promise<number> {
  const { rows } = await db.database.query<{ learners: bigint; events: bigint }>({
    text: `SELECT count(DISTINCT student_id) AS learners, count(*) AS events FROM lastseen.inactivity_outbox WHERE phase = 'RETURNED'`,
  });
  expect(rows[0]?.events).toBe(rows[0]?.learners);
  return Number(rows[0]?.learners);
}

/** A database whose n-th transaction fails at its end. */
function failingAt(n: number): Database {
  let transactions = 0;
  return {
    ...db.database,
    transaction: (work) => {
      const fails = ++transactions === n;
      return db.database.transaction(async (tx) => {
        const done = await work(tx);
        if (fails) throw new Error('lost');
        return done;
      });
    },
  };
}

describe.each([
  { name: 'few', size: FEW, transactions: [1] },
  { name: 'many', size: MANY, transactions: [1, 2, 3] },
])('$name learners', ({ size, transactions }) => {
  it('are raised before the rest runs, and those with an open episode return once', async () => {
    expect(await write(learners(size, SEEN), db.database)).toEqual([{ changed: size, returned: 0 }, size]);
    const open = await openEpisodes();
    const later = learners(size, SEEN + MICROS_PER_DAY);
    expect(await write(later, db.database)).toEqual([{ changed: size, returned: open }, size]);
    expect(await returnedOnce()).toBe(open);
    expect(await write(later, db.database)).toEqual([{ changed: 0, returned: 0 }, size]);
  });

  it.each(transactions)('have the same rows and returns after transaction %i failed and was retried', async (lost) => {
    await write(learners(size, SEEN), db.database);
    const open = await openEpisodes();
    const later = learners(size, SEEN + MICROS_PER_DAY);
    let rests = 0;
    const rest = async () => ++rests;
    await expect(write(later, failingAt(lost), rest)).rejects.toThrow('lost');
    // The rest does not run if a part before it fails.
    expect(rests).toBe(lost === transactions.length ? 1 : 0);
    await write(later, db.database, rest);
    expect(await returnedOnce()).toBe(open);
    const found = await table();
    await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
    await write(learners(size, SEEN), db.database);
    await write(later, db.database);
    expect(found).toEqual(await table());
  });
});
