import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import { perSource, SOURCES } from '../../src/activity/source.ts';
import { columnsOf, createFold, type LearnerRow } from '../../src/last-seen/fold.ts';
import { learnerArrays, rowParameters, studentIdArray, timestamptzArray } from '../../src/last-seen/learner-arrays.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

/** The rows that Postgres reads from the arrays. */
async function read(rows: readonly LearnerRow[]): Promise<unknown[]> {
  const micros = SOURCES.map((source) => `(extract(epoch FROM ${source}) * 1e6)::int8::text AS ${source}`);
  const { rows: read } = await db.database.query({
    text: `
SELECT student_id, user_id, ${micros.join(', ')}
FROM unnest($1::uuid[], ${rowParameters(2)})
  AS u (student_id, user_id, ${SOURCES.join(', ')})`,
    values: learnerArrays(columnsOf(rows)),
  });
  return read;
}

const YEAR_2000 = 946_684_800_000_000n;
const YEAR_9999 = 253_370_764_800_000_000n;
const instant = fc.option(fc.bigInt(YEAR_2000, YEAR_9999));
const name = fc
  .oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.string({ unit: 'grapheme' }),
  )
  .filter((text) => !text.includes('\0') && text.isWellFormed());
const row: fc.Arbitrary<LearnerRow> = fc
  .record({ name, named: fc.boolean(), ...perSource(() => instant) })
  .map(({ name, named, ...instants }) => ({ studentId: studentIdOf(name), userId: named ? name : null, ...instants }));

it('Postgres reads ids, names of any text and instants to the microsecond from binary arrays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(row, { selector: ({ studentId }) => studentId, maxLength: 100 }), async (rows) => {
      expect(await read(rows)).toEqual(
        rows.map(({ studentId, userId, ...instants }) => ({
          student_id: studentId,
          user_id: userId,
          ...Object.fromEntries(SOURCES.map((source) => [source, instants[source]?.toString() ?? null])),
        })),
      );
    }),
    { numRuns: 50 },
  );
});

it('Postgres reads commit times beside the ids, and no rows from empty arrays', async () => {
  const fold = createFold();
  fold.add({ studentId: studentIdOf('ada'), userId: 'ada', source: 'session', at: YEAR_2000 }, YEAR_9999);
  fold.add({ studentId: studentIdOf('bob'), userId: 'bob', source: 'session', at: YEAR_2000 });
  const learners = fold.columns();
  const { rows } = await db.database.query({
    text: 'SELECT id, at::text FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)',
    values: [studentIdArray(learners), timestamptzArray(learners.committedAt, learners.size)],
  });
  expect(rows).toEqual([
    { id: studentIdOf('ada'), at: '9999-01-01 00:00:00+00' },
    { id: studentIdOf('bob'), at: null },
  ]);
  expect(await read([])).toEqual([]);
});
