import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dateOf } from '../../src/activity/instant.ts';
import { booleanArray, dateArray, doubleArray, instantArray, textArray, uuidArray } from '../../src/postgres/arrays.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const YEAR_1600 = -11_676_096_000_000_000n;
const YEAR_9999 = 253_370_764_800_000_000n;
const instant = fc.bigInt(YEAR_1600, YEAR_9999);

/** The elements that Postgres reads from an array of the type. */
async function read(type: string, array: Buffer): Promise<unknown[]> {
  const { rows } = await db.database.query<{ value: unknown }>({
    text: `SELECT value FROM unnest($1::${type}[]) WITH ORDINALITY AS u (value, position) ORDER BY position`,
    values: [array],
  });
  return rows.map(({ value }) => value);
}

it.each<[string, fc.Arbitrary<unknown>, (values: never[]) => Buffer]>([
  ['text', fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')), textArray],
  ['uuid', fc.option(fc.uuid()), uuidArray],
  ['timestamptz', instant, instantArray],
  ['date', instant.map(dateOf), dateArray],
  ['float8', fc.option(fc.double()), doubleArray],
  ['boolean', fc.option(fc.boolean()), booleanArray],
])('Postgres reads an array of %s values, also an empty one, as it was written', async (type, value, bind) => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 100 }), async (values) => {
      expect(await read(type, bind(values as never[]))).toEqual(values);
    }),
    { numRuns: 50, examples: [[[]]] },
  );
});

it('rejects values that are not of the type', async () => {
  for (const text of ['', 'ada', '01234567-89ab-cdef-0123-456789abcde', '01234567-89ab-cdef-0123-456789abcdeg']) {
    expect(() => uuidArray([text])).toThrow(RangeError);
  }
  expect(() => dateArray(['2026-02-30'])).toThrow(RangeError);
  await expect(read('text', textArray(['a\0b']))).rejects.toThrow('SQLSTATE 22021');
});
