import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeadLetterWindow } from '../../src/dead-letters/dead-letter.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { feeder, TOPIC } from './feed.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  // A check of the platform's administrator, for example: Postgres refuses the row, with SQLSTATE 23514.
  await sql(`ALTER TABLE lastseen.user_last_seen ADD CONSTRAINT refused CHECK (user_id NOT LIKE 'refused%')`);
});
afterAll(() => db.close());
beforeEach(() =>
  sql(
    'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap, lastseen.dead_letter, lastseen.dead_letter_window',
  ),
);

const sql = async <R>(text: string) => (await db.database.query<R>({ text })).rows;
const record = (user: string) => ({ value: { user_id: user, started_at: '2026-03-08T00:00:00Z', ended_at: null } });
const learners = (count: number, name: string) => Array.from({ length: count }, (_, n) => record(`${name}-${n}`));
const names = async () =>
  (await sql<{ name: string }>('SELECT user_id AS name FROM lastseen.user_last_seen ORDER BY 1')).map(
    (row) => row.name,
  );
const progress = () => sql('SELECT next_offset FROM lastseen.track_progress');

describe('a learner whose row Postgres refuses', () => {
  it.each([1, 7, 300])('does not stop the others of a flush of %i', async (others) => {
    const track = feeder(db.database);
    await track.feed(...learners(others, 'good'), record('refused-é'));
    expect(await names()).toHaveLength(others);
    expect(await progress()).toEqual([{ next_offset: BigInt(others + 1) }]);
    const letters = await sql<{ row: unknown; ranges: unknown }>(`
SELECT reason, step, detail, student_id = md5('refused-é')::uuid AS learner, refused_row AS row, offset_ranges AS ranges
FROM lastseen.dead_letter WHERE closed_at IS NULL`);
    expect(letters).toEqual([
      {
        reason: 'postgres_refused',
        step: 'write',
        detail: expect.stringContaining('SQLSTATE 23514'),
        learner: true,
        row: { user_id: 'refused-é', session: '2026-03-08T00:00:00.000000Z' },
        ranges: [{ topic: TOPIC, partition: 0, from_offset: '0', to_offset: String(others + 1) }],
      },
    ]);
  });

  it('does not stop a flush of its own, nor the next one', async () => {
    const track = feeder(db.database);
    await track.feed(record('refused'));
    await track.feed(record('good'));
    expect(await names()).toEqual(['good']);
    expect(await progress()).toEqual([{ next_offset: 2n }]);
  });

  it('stops track without keeping anything if there are more than the share of the flush', async () => {
    const track = feeder(db.database);
    const fed = track.feed(...learners(900, 'good'), ...learners(60, 'refused'));
    await expect(fed).rejects.toMatchObject({
      code: 'too_many_dead_letters',
      message: expect.stringContaining(`${TOPIC} partition 0 offsets 0 to 959`),
    });
    expect(await names()).toEqual([]);
    expect(await progress()).toEqual([]);
    expect(await sql('SELECT FROM lastseen.dead_letter')).toEqual([]);
  });

  it('does not stop track if they are few in a large flush', async () => {
    await feeder(db.database).feed(...learners(3_000, 'good'), ...learners(60, 'refused'));
    expect(await names()).toHaveLength(3_000);
  });

  it('stops track if small flushes have too many in sum', async () => {
    const track = feeder(db.database, { deadLetterLimit: createDeadLetterWindow(0.05) });
    for (let n = 0; n < 5; n++) await track.feed(...learners(10, `refused-${n}`));
    await expect(track.feed(record('refused'))).rejects.toMatchObject({ code: 'too_many_dead_letters' });
    expect(await progress()).toEqual([{ next_offset: 50n }]);
  });
});
