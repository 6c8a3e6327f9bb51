import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { feeder } from './feed.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.database.query({ text: 'TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.track_gap' });
});

const row = { user_id: 'u', started_at: '2026-03-10T00:00:00Z', ended_at: null };
const seen = async () =>
  (await db.database.query<{ at: string }>({ text: 'SELECT last_seen_at::text AS at FROM lastseen.user_last_seen' }))
    .rows;

describe.each([
  ['unknown', '-1'],
  ['0', '0'],
  ['in microseconds', '1773000000000000'],
  ['in nanoseconds', '1773000000000000000'],
  ['the largest', '9223372036854775807'],
])('a record whose Kafka timestamp is %s', (_, timestamp) => {
  it('is applied with the commit time of its source', async () => {
    const track = feeder(db.database);
    await track.feed({ value: { ...row, __source_ts_ms: 1_773_187_200_000 }, timestamp });
    expect(track.letters).toEqual([]);
    expect(await seen()).toHaveLength(1);
  });

  it('is applied without any commit time', async () => {
    const track = feeder(db.database);
    await track.feed({ value: row, timestamp });
    expect(track.letters).toEqual([]);
    expect(await seen()).toHaveLength(1);
  });

  it('is a dead letter if its activity lies after the present', async () => {
    const track = feeder(db.database);
    await track.feed({ value: { ...row, started_at: '2999-03-10T00:00:00Z' }, timestamp });
    expect(track.letters).toMatchObject([{ reason: 'instant_in_future' }]);
    expect(await seen()).toEqual([]);
  });

  it('leaves the time of the last record unknown', async () => {
    await feeder(db.database).feed({ value: row, timestamp });
    const { rows } = await db.database.query({
      text: 'SELECT next_offset, last_record_at, newest_commit_at FROM lastseen.track_progress',
    });
    expect(rows).toEqual([{ next_offset: 1n, last_record_at: null, newest_commit_at: null }]);
  });
});
