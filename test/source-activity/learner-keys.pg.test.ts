import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { activitiesOf } from '../../src/activity/activity-of.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { readSourceActivity } from '../../src/source-activity/totals-store.ts';

const AT = '2026-03-16T05:00:00.000000Z';
const AT_US = 1_773_637_200_000_000n;
const POLICY = { attemptSource: 'topic', maxClockSkewUs: 0n } as const;
const UUID = '0195d2a0-abcd-7000-8000-00000000000f';

/** Spellings of one id, and ids that only look alike. */
const SPELLINGS = [
  UUID,
  UUID.toUpperCase(),
  `{${UUID}}`,
  UUID.replaceAll('-', ''),
  'anna',
  'anna  ',
  ' anna',
  'jürgen',
  'Jürgen ',
  'a\tb',
  "o'brien",
  '',
  ' ',
];

const anyId = (unit: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.constantFrom(...SPELLINGS),
    fc.uuid(),
    fc.uuid().map((uuid) => uuid.toUpperCase()),
    fc.string({ unit, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('a', ' ', '-'), maxLength: 40 }),
  );

const UTF8 = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 1 })
  .filter((text) => text.isWellFormed() && text !== '\0');
const LATIN1 = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));

describe.each([
  ['UTF8', UTF8],
  ['LATIN1', LATIN1],
])('in a database in %s', (encoding, unit) => {
  const name = `test_keys_${randomBytes(6).toString('hex')}`;
  let admin: Database;
  let database: Database;

  beforeAll(async () => {
    admin = openDatabase({ url: inject('postgresUrl'), applicationName: 'test-admin', maxConnections: 1 });
    await admin.query({
      text: `CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    });
    const url = new URL(inject('postgresUrl'));
    url.pathname = `/${name}`;
    database = openDatabase({ url: url.href, applicationName: 'test' });
  });
  afterAll(async () => {
    await database.close();
    await admin.query({ text: `DROP DATABASE ${name} WITH (FORCE)` });
    await admin.close();
  });

  /** The learners by the code of `track`, and by the SQL of an audit, of a table with these ids. */
  async function learnersOf(source: 'session' | 'attempt', type: string, ids: readonly string[]) {
    const columns = source === 'session' ? 'user_id TYPE, started_at' : 'student_id TYPE, completed_at';
    const learner = source === 'session' ? 'user_id' : 'student_id';
    await database.query({
      text: `DROP TABLE IF EXISTS ${source}; CREATE TABLE ${source} (${columns.replace('TYPE', type)} timestamptz${
        source === 'session' ? ', ended_at timestamptz' : ''
      })`,
    });
    await database.query({
      text: `INSERT INTO ${source} (${columns.replace(' TYPE', '')}) SELECT id::${type}, $2 FROM unnest($1::text[]) id`,
      values: [ids, AT],
    });
    // As Postgres writes it to its clients and to logical replication: char(n) with its padding.
    const { rows } = await database.query<{ id: string }>({ text: `SELECT ${learner} AS id FROM ${source}` });
    const byCode = new Map<string, string | null>();
    for (const { id } of rows) {
      const row = { [learner]: id, started_at: AT_US, ended_at: null, completed_at: AT_US };
      const outcome = activitiesOf(source, row, AT_US, POLICY);
      if (outcome.kind !== 'applied') continue;
      for (const { studentId, userId } of outcome.activities) {
        const known = byCode.get(String(studentId));
        const spelled = userId === null ? null : String(userId);
        const smaller =
          known == null || spelled === null || Buffer.compare(Buffer.from(known), Buffer.from(spelled)) > 0;
        byCode.set(String(studentId), smaller ? spelled : known);
      }
    }
    const bySql = await database.transaction(async (tx) => {
      const found = new Map<string, string | null>();
      for await (const each of readSourceActivity(tx, source, 'topic', AT_US)) found.set(each.studentId, each.userId);
      return found;
    });
    return { byCode: [...byCode].toSorted(), bySql: [...bySql].toSorted() };
  }

  it.each([
    ['session', 'text'],
    ['session', 'varchar(40)'],
    ['session', 'char(40)'],
    ['attempt', 'text'],
    ['attempt', 'char(40)'],
  ] as const)('SQL and code agree on the learners of %s by %s', async (source, type) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyId(unit), { minLength: 1, maxLength: 30 }), async (ids) => {
        const { byCode, bySql } = await learnersOf(source, type, ids);
        expect(bySql).toEqual(byCode);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ['session', 'uuid'],
    ['attempt', 'uuid'],
  ] as const)('SQL and code agree on the learners of %s by %s', async (source, type) => {
    const { byCode, bySql } = await learnersOf(source, type, SPELLINGS.slice(0, 4));
    expect(bySql).toEqual(byCode);
    expect(bySql).toHaveLength(1);
  });
});
