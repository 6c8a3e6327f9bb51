import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { countCrossing, eachDue } from '../../src/sweep/episodes-store.ts';
import { sweep } from '../../src/sweep/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await sql(
    'TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run, lastseen.dead_letter',
  );
  await sql(`
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
SELECT md5(name)::uuid, name, timestamptz '${formatInstant(AS_OF)}' - days * interval '24 hours'
FROM (VALUES ('anna', 8), ('ben', 8), ('cleo', 15), ('dora', 1)) AS t (name, days)`);
});

const sql = async <R>(text: string) => (await db.database.query<R>({ text })).rows;
const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const days = (count: number) => BigInt(count) * MICROS_PER_DAY;
const plan: SweepPlan = { asOf: AS_OF, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' };

let offset = 0;
/** A dead letter of the learner whose record can contain no activity after the instant; null: unknown. */
const letter = (name: string, latest: Instant | null, closedBy: string | null = null) =>
  sql(`
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id,
  latest_activity_at, closed_at, closed_by)
VALUES ('t', 0, ${offset++}, 0, 'missing_column', 'activity', '', md5('${name}')::uuid,
  ${latest === null ? 'NULL' : `'${formatInstant(latest)}'`}, ${closedBy === null ? 'NULL' : 'now()'},
  ${closedBy === null ? 'NULL' : `'${closedBy}'`})`);
const run = (changes: Partial<SweepPlan> = {}) =>
  sweep(
    {
      database: db.database,
      newRunId: randomUUID,
      now: () => AS_OF,
      proveFresh: undefined,
      maxCrossedShare: 0.2,
      relay: async () => 0,
    },
    { ...plan, ...changes },
  );
const flagged = async () =>
  (
    await sql<{ name: string }>('SELECT user_id AS name FROM lastseen.inactivity_outbox ORDER BY as_of DESC, user_id')
  ).map(({ name }) => name);

describe('a learner with an open dead letter', () => {
  it.each([
    ['after the threshold', AS_OF - days(7) + 1n],
    ['unknown', null],
  ])('is left out and counted as doubtful if its latest activity is %s', async (_, latest) => {
    await letter('anna', latest);
    expect(await run()).toMatchObject({ doubtful: 1n, inactive: 3n, crossed: 2n });
    expect(await flagged()).toEqual(['ben', 'cleo']);
    expect(await sql('SELECT doubtful FROM lastseen.sweep_run')).toEqual([{ doubtful: 1n }]);
  });

  it('is flagged if the record cannot contain an activity after the threshold', async () => {
    await letter('anna', AS_OF - days(7));
    expect(await run()).toMatchObject({ doubtful: 0n, crossed: 3n });
  });

  it('is judged by the highest threshold reached', async () => {
    await letter('cleo', AS_OF - days(14) + 1n);
    await letter('anna', AS_OF - days(14) + 1n);
    expect(await run()).toMatchObject({ doubtful: 1n });
    expect(await flagged()).toEqual(['anna', 'ben']);
  });

  it('is flagged again when the letter is closed, and gets no ONGOING while one is open', async () => {
    await letter('anna', AS_OF, 'audit');
    await run();
    await letter('anna', AS_OF);
    await run({ asOf: AS_OF + MICROS_PER_DAY });
    expect(await flagged()).toEqual(['ben', 'cleo', 'anna', 'ben', 'cleo']);
  });

  it('counts neither for a hold nor in a dry run', async () => {
    await letter('anna', null);
    expect(await countCrossing(db.database, plan)).toEqual(
      new Map([
        [7, 1n],
        [14, 1n],
      ]),
    );
    const due: string[] = [];
    await eachDue(db.database, plan, async (found) => void due.push(...found.map(({ user_id }) => user_id)));
    expect(due.sort()).toEqual(['ben', 'cleo']);
  });
});
