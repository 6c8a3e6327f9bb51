import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeadLetterWindow } from '../../src/dead-letters/dead-letter.ts';
import { loadLetterWindow } from '../../src/last-seen/letters-store.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { feeder, TOPIC } from './feed.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() =>
  sql(
    'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap, lastseen.dead_letter, lastseen.dead_letter_window',
  ),
);

const sql = async <R>(text: string) => (await db.database.query<R>({ text })).rows;
const good = (user: string) => ({ value: { user_id: user, started_at: '2026-03-08T00:00:00Z', ended_at: null } });
const renamed = (user: string) => ({ value: { user_id: user, begun_at: '2026-03-08T00:00:00Z' } });
const states = () =>
  sql(`
SELECT record_offset AS "offset", reason, student_id = md5('u')::uuid AS u, committed_at::text, latest_activity_at::text,
  closed_by
FROM lastseen.dead_letter ORDER BY record_offset`);

describe('a dead letter', () => {
  it('is recorded with the progress past it, with its commit time and the learner that its value names', async () => {
    await feeder(db.database).feed(good('a'), renamed('u'), { value: 'no json' }, { value: { user_id: 7 } });
    const times = { committed_at: '2026-03-08 20:00:00+00', latest_activity_at: '2026-03-08 20:10:00+00' };
    const nothing = { committed_at: null, latest_activity_at: null };
    expect(await states()).toEqual([
      { offset: 1n, reason: 'missing_column', u: true, ...times, closed_by: null },
      { offset: 2n, reason: 'not_decodable', u: null, ...nothing, closed_by: null },
      { offset: 3n, reason: 'missing_column', u: null, ...times, closed_by: null },
    ]);
  });

  it('is recorded once if its record is read again', async () => {
    const track = feeder(db.database);
    await track.feed(renamed('u'));
    track.rewind(0);
    await track.feed(renamed('u'));
    expect(await states()).toHaveLength(1);
  });

  const headers = {
    'lastseen.origin.topic': TOPIC,
    'lastseen.origin.partition': '0',
    'lastseen.origin.offset': '0',
    'lastseen.origin.timestamp': '1773000000000',
  };

  it('is closed when its record is applied after a redrive', async () => {
    const track = feeder(db.database);
    await track.feed(renamed('u'));
    await track.feed({ ...renamed('u'), headers });
    expect(await states()).toMatchObject([{ offset: 0n, closed_by: null }]);
    await track.feed({ ...good('u'), headers });
    expect(await states()).toMatchObject([{ offset: 0n, closed_by: 'track' }]);
  });

  it('is closed when its record is read again and applied', async () => {
    await feeder(db.database).feed(renamed('u'), renamed('v'));
    const later = feeder(db.database);
    await later.feed(good('u'), renamed('v'));
    expect(await states()).toMatchObject([
      { offset: 0n, closed_by: 'track' },
      { offset: 1n, closed_by: null },
    ]);
  });

  it('is not closed by a record of a recreated topic at the same offset', async () => {
    await feeder(db.database).feed(renamed('u'));
    await feeder(db.database).feed({ ...good('u'), timestamp: '1773000000001' });
    expect(await states()).toMatchObject([{ offset: 0n, closed_by: null }]);
  });
});

describe('the share of dead letters', () => {
  /** A new process, as `track` starts it. */
  async function start() {
    const deadLetterLimit = createDeadLetterWindow(0.05);
    const window = await loadLetterWindow(db.database, 'track');
    if (window !== undefined) deadLetterLimit.restore(window);
    return feeder(db.database, { deadLetterLimit });
  }

  it('stops track even if it restarts before there are 50', async () => {
    let next = 0;
    const batch = () => Array.from({ length: 20 }, (_, n) => renamed(`u${next + n}`));
    for (let restart = 0; restart < 2; restart++) {
      const track = await start();
      track.rewind(next);
      await track.feed(...batch());
      next += 20;
    }
    const third = await start();
    third.rewind(next);
    await expect(third.feed(...batch())).rejects.toMatchObject({
      code: 'too_many_dead_letters',
      message: expect.stringContaining(`${TOPIC} partition 0 offset 50`),
    });
    const { rows } = await db.database.query<{ letters: bigint }>({
      text: 'SELECT count(*) AS letters FROM lastseen.dead_letter',
    });
    expect(must(rows[0], 'a count').letters).toBe(40n);
  });

  it('is saved as empty if good records follow in the same transaction', async () => {
    const track = feeder(db.database, { deadLetterLimit: createDeadLetterWindow(0.05, 2) });
    await track.feed(renamed('u'));
    expect(await loadLetterWindow(db.database, 'track')).toEqual(Buffer.from([0, 1]));
    await track.feedBatches([good('u'), good('u')], [good('u')]);
    expect(await loadLetterWindow(db.database, 'track')).toEqual(Buffer.from([0, 0]));
  });

  it('begins again when no letter is open any more', async () => {
    await (await start()).feed(...Array.from({ length: 40 }, () => renamed('u')));
    await sql(`UPDATE lastseen.dead_letter SET closed_at = now(), closed_by = 'audit'`);
    const track = await start();
    track.rewind(40);
    await track.feed(...Array.from({ length: 40 }, () => renamed('u')));
    expect(await states()).toHaveLength(80);
  });
});
