import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Activity, StudentId } from '../../src/activity/activity.ts';
import { parseInstant } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { recordProgress } from '../../src/last-seen/progress-store.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { closeEpisodes } from '../../src/sweep/returns-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen, lastseen.track_progress' });
});

const learner = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as StudentId;
const at = (text: string) => parseInstant(text) as bigint;

async function apply(activities: readonly Activity[], mostRowsChange = false): Promise<number> {
  const fold = createFold();
  for (const activity of activities) fold.add(activity);
  return db.database.transaction((tx) => raiseLastSeen(tx, fold.columns(), mostRowsChange));
}

async function table(): Promise<unknown[]> {
  const { rows } = await db.database.query({ text: 'SELECT * FROM lastseen.user_last_seen ORDER BY student_id' });
  return rows;
}

describe('raising last seen', () => {
  // Its plan would be the one for about ten learners; for 20,000 it takes several times as long.
  it('is planned for the number of learners, so it is no prepared statement', async () => {
    const fold = createFold();
    fold.add({ studentId: learner(1), userId: 'u1', source: 'session', at: 1n });
    const prepared = await db.database.session(async (session) => {
      await raiseLastSeen(session, fold.columns());
      await raiseLastSeen(session, fold.columns(), true);
      await closeEpisodes(session, fold.columns(), 1n);
      return (await session.query({ text: 'SELECT name FROM pg_prepared_statements' })).rows;
    });
    expect(prepared).toEqual([]);
  });

  it('stores microseconds, and derives the newest instant and its UTC date', async () => {
    await apply([
      { studentId: learner(1), userId: 'u1', source: 'session', at: at('2026-03-15T23:59:59.999999Z') },
      { studentId: learner(1), userId: null, source: 'attempt', at: at('2026-03-14T00:00:00.000001Z') },
    ]);
    expect(await table()).toEqual([
      {
        student_id: learner(1),
        user_id: 'u1',
        ...Object.fromEntries(SOURCES.map((source) => [`${source}_at`, null])),
        attempt_at: at('2026-03-14T00:00:00.000001Z'),
        session_at: at('2026-03-15T23:59:59.999999Z'),
        last_seen_at: at('2026-03-15T23:59:59.999999Z'),
        last_active_on: '2026-03-15',
      },
    ]);
  });

  it('never lowers a source, and returns that nothing changed', async () => {
    const newer: Activity = { studentId: learner(1), userId: 'u1', source: 'session', at: at('2026-03-15T10:00:00Z') };
    expect(await apply([newer])).toBe(1);
    expect(await apply([{ ...newer, at: at('2026-03-15T09:59:59.999999Z') }])).toBe(0);
    expect(await table()).toMatchObject([{ session_at: newer.at }]);
  });

  it('neither locks nor writes rows that are up to date', async () => {
    const activity: Activity = {
      studentId: learner(1),
      userId: 'u1',
      source: 'session',
      at: at('2026-03-15T10:00:00Z'),
    };
    await apply([activity]);
    const version = () =>
      db.database.query({ text: 'SELECT xmin::text, xmax::text, ctid::text FROM lastseen.user_last_seen' });
    const before = await version();
    expect(await apply([activity])).toBe(0);
    expect((await version()).rows).toEqual(before.rows);
    expect(await apply([activity], true)).toBe(0);
  });

  it('adds the name to a learner without one, and keeps the smallest spelling', async () => {
    await apply([{ studentId: learner(1), userId: null, source: 'attempt', at: 1_000_000_000_000_000n }]);
    expect(await table()).toMatchObject([{ user_id: null }]);
    await apply([
      { studentId: learner(1), userId: 'b', source: 'session', at: 900_000_000_000_000n + 946_684_800_000_000n },
    ]);
    expect(await table()).toMatchObject([{ user_id: 'b' }]);
    await apply([{ studentId: learner(1), userId: 'B', source: 'session', at: 1_000_000_000_000_000n }]);
    expect(await table()).toMatchObject([{ user_id: 'B' }]);
    await apply([{ studentId: learner(1), userId: 'a', source: 'session', at: 1_000_000_000_000_000n }]);
    expect(await table()).toMatchObject([{ user_id: 'B' }]);
  });

  const activity = fc.record({
    studentId: fc.integer({ min: 0, max: 6 }).map(learner),
    userId: fc.constantFrom(null, 'a', 'A', 'é'),
    source: fc.constantFrom(...SOURCES),
    at: fc.bigInt({ min: 946_684_800_000_000n, max: 4_102_444_800_000_000n }),
  });

  it('gives the same table for any order, repetition and split into transactions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .array(activity, { minLength: 1, maxLength: 30 })
          .chain((activities) =>
            fc.tuple(
              fc.constant(activities),
              fc.shuffledSubarray([...activities, ...activities], { minLength: 2 * activities.length }),
              fc.integer({ min: 1, max: 10 }),
              fc.boolean(),
            ),
          ),
        async ([activities, shuffled, chunk, mostRowsChange]) => {
          await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
          await apply(activities);
          const once = await table();
          await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
          for (let from = 0; from < shuffled.length; from += chunk)
            await apply(shuffled.slice(from, from + chunk), mostRowsChange);
          expect(await table()).toEqual(once);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives the same table when two instances write the same learners concurrently', async () => {
    const rounds = Array.from({ length: 20 }, (_, round) =>
      Array.from(
        { length: 50 },
        (_, n): Activity => ({
          studentId: learner((n * 7 + round) % 40),
          userId: `u${n % 3}`,
          source: SOURCES[(n + round) % SOURCES.length] as (typeof SOURCES)[number],
          at: BigInt(1_700_000_000_000_000 + ((n * 7919 + round * 104_729) % 1_000_000)),
        }),
      ),
    );
    await apply(rounds.flat());
    const written = await table();
    await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
    await Promise.all([...rounds, ...rounds.toReversed()].map((activities, n) => apply(activities, n % 3 === 0)));
    expect(await table()).toEqual(written);
  });
});

describe('progress', () => {
  const position = { topic: 't', partition: 0 };

  it('only increases if records are not read again, with the newest commit time', async () => {
    const record = (nextOffset: bigint, newestCommitAt: bigint | null) =>
      db.database.transaction((tx) => recordProgress(tx, [{ ...position, nextOffset, newestCommitAt }]));
    await record(10n, at('2026-03-15T10:00:00Z'));
    await record(7n, at('2026-03-15T11:00:00Z'));
    await record(12n, null);
    const { rows } = await db.database.query({
      text: 'SELECT topic, partition, next_offset, newest_commit_at FROM lastseen.track_progress',
    });
    expect(rows).toEqual([{ ...position, next_offset: 12n, newest_commit_at: at('2026-03-15T10:00:00Z') }]);
  });

  it('is committed with its transaction or not at all', async () => {
    await expect(
      db.database.transaction(async (tx) => {
        await recordProgress(tx, [{ ...position, nextOffset: 5n, newestCommitAt: null }]);
        throw new Error('failed after the write');
      }),
    ).rejects.toThrow('failed after the write');
    expect((await db.database.query({ text: 'SELECT FROM lastseen.track_progress' })).count).toBe(0);
  });
});
