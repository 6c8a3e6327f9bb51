import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RawBatch } from '../../src/kafka/client/records.ts';
import type { LogBounds } from '../../src/last-seen/continuity.ts';
import type { PartitionGap } from '../../src/last-seen/gap.ts';
import { closeGaps, openGaps } from '../../src/last-seen/gaps-store.ts';
import { readProgress } from '../../src/last-seen/progress-store.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { single } from '../../src/runtime/must.ts';
import { createProgress, type Progress } from '../../src/track/progress-pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.database.query({ text: 'TRUNCATE lastseen.track_progress, lastseen.track_gap' });
  bounds = { start: 0n, end: 1_000n };
});

const topic = 't';
let bounds: LogBounds;
const instance = () => createProgress({ database: db.database, now, readBounds: async () => bounds });

const MARCH_MS = Date.UTC(2026, 2);
const now = () => BigInt(Date.UTC(2026, 5)) * 1_000n;

/** Records `from` to below `to`, one per second from `afterMs` after the start of March on. */
function batch(from: number, to: number, afterMs = 0): RawBatch {
  const records = Array.from({ length: to - from }, (_, n) => ({
    key: null,
    value: null,
    timestamp: String(MARCH_MS + afterMs + (from + n) * 1_000),
    offset: String(from + n),
  }));
  return { topic, partition: 0, records, fromOffset: BigInt(from), nextOffset: BigInt(to) };
}

/** Reads a batch and applies it at once. @returns the gaps that were new. */
async function apply(progress: Progress, read: RawBatch): Promise<PartitionGap[]> {
  const reached = progress.noChanges();
  await progress.collect(read, reached);
  return db.database.transaction((tx) => progress.record(tx, reached));
}

const applied = async () => (await readProgress(db.database, [topic]))[0]?.nextOffset;
const gaps = () => openGaps(db.database, [topic]);

/** An older release writes only the offset. */
const raisedByAnOlderRelease = (nextOffset: number) =>
  db.database.query({ text: `UPDATE lastseen.track_progress SET next_offset = ${nextOffset}, updated_at = now()` });

describe('the progress of a partition', () => {
  it('has a gap up to the start of reading before any record is read', async () => {
    bounds = { start: 7n, end: 7n };
    expect(await apply(instance(), batch(7, 7))).toMatchObject([
      { kind: 'beginning_missing', fromOffset: 0n, toOffset: 7n },
    ]);
    expect(await applied()).toBe(7n);
    expect(await apply(instance(), batch(7, 9))).toEqual([]);
  });

  it('has a gap up to the end of a log whose unread records were all removed', async () => {
    await apply(instance(), batch(0, 5));
    bounds = { start: 9n, end: 9n };
    expect(await apply(instance(), batch(9, 9))).toMatchObject([{ kind: 'lost', fromOffset: 5n, toOffset: 9n }]);
    expect(await applied()).toBe(9n);
  });

  it('continues after a restart without a query to the broker', async () => {
    const asks = async () => Promise.reject(new Error('asked'));
    await apply(createProgress({ database: db.database, now, readBounds: asks }), batch(0, 10));
    await apply(createProgress({ database: db.database, now, readBounds: asks }), batch(10, 12));
    expect(await applied()).toBe(12n);
    expect(await gaps()).toEqual([]);
  });

  it('goes back when records are read again, and up after they have passed the known offset', async () => {
    await apply(instance(), batch(0, 100));
    const again = instance();
    await apply(again, batch(0, 30));
    expect(await applied()).toBe(30n);
    await apply(again, batch(30, 60));
    expect(await applied()).toBe(60n);
    // A restart in between keeps the known offset.
    await apply(instance(), batch(60, 120));
    expect(await applied()).toBe(120n);
    expect(await gaps()).toEqual([]);
  });

  it('ignores a known offset that an older release has passed', async () => {
    await apply(instance(), batch(0, 100));
    await raisedByAnOlderRelease(200);
    const again = instance();
    await apply(again, batch(150, 180));
    expect(await applied()).toBe(180n);
    await apply(again, batch(180, 220));
    // Stopped half-way, then continued by the older release.
    await apply(instance(), batch(0, 50));
    await raisedByAnOlderRelease(300);
    const last = instance();
    await apply(last, batch(250, 280));
    await apply(last, batch(280, 400));
    expect(await applied()).toBe(400n);
    expect(await gaps()).toEqual([]);
  });

  it('is not lowered by an instance that lost the partition', async () => {
    const stale = instance();
    await apply(stale, batch(0, 50));
    const owner = instance();
    await apply(owner, batch(50, 70));
    await apply(stale, batch(50, 60));
    expect(await applied()).toBe(70n);
    await apply(owner, batch(70, 80));
    expect(await applied()).toBe(80n);
  });

  it('is raised by an instance that reads on after another stopped reading again half-way', async () => {
    const owner = instance();
    await apply(owner, batch(0, 100));
    await apply(instance(), batch(0, 30));
    await apply(owner, batch(100, 101));
    expect(await applied()).toBe(101n);
  });

  it('continues after another instance had the partition in the meantime', async () => {
    const first = instance();
    await apply(first, batch(0, 50));
    await apply(instance(), batch(50, 80));
    await apply(first, batch(80, 90));
    expect(await applied()).toBe(90n);
    expect(await gaps()).toEqual([]);
  });
});

describe('a gap', () => {
  it('is recorded once, with the progress past it', async () => {
    await apply(instance(), batch(0, 10));
    bounds = { start: 50n, end: 60n };
    const lost = { topic, partition: 0, kind: 'lost', fromOffset: 10n, toOffset: 50n } as const;
    expect(await apply(instance(), batch(50, 60))).toEqual([lost]);
    expect(await applied()).toBe(60n);
    expect(await gaps()).toEqual([lost]);
    // Delivered again because the offsets were not committed.
    expect(await apply(instance(), batch(50, 60))).toEqual([]);
    expect(await gaps()).toEqual([lost]);
  });

  it('is reported once if two instances find it', async () => {
    await apply(instance(), batch(0, 10));
    bounds = { start: 50n, end: 60n };
    const [a, b] = [instance(), instance()];
    const [readA, readB] = [a.noChanges(), b.noChanges()];
    await a.collect(batch(50, 60), readA);
    await b.collect(batch(50, 60), readB);
    expect(await a.record(db.database, readA)).toHaveLength(1);
    expect(await b.record(db.database, readB)).toEqual([]);
  });

  it('is a recreated topic if the log ends below the progress, which then starts again', async () => {
    await apply(instance(), batch(0, 100));
    bounds = { start: 0n, end: 30n };
    const another = { topic, partition: 0, kind: 'another_topic', fromOffset: 100n, toOffset: null };
    const reader = instance();
    expect(await apply(reader, batch(0, 30, 86_400_000))).toEqual([another]);
    expect(await applied()).toBe(30n);
    bounds = { start: 0n, end: 200n };
    expect(await apply(reader, batch(30, 200, 86_400_000))).toEqual([]);
    expect(await applied()).toBe(200n);
  });

  it('is a recreated topic with more records than before, recognized by the record at the same offset', async () => {
    await apply(instance(), batch(0, 100));
    bounds = { start: 0n, end: 130n };
    expect(await apply(instance(), batch(0, 30, 86_400_000))).toEqual([]);
    expect(await applied()).toBe(30n);
    expect(await apply(instance(), batch(30, 130, 86_400_000))).toMatchObject([{ kind: 'another_topic' }]);
    expect(await applied()).toBe(130n);
  });

  it('is found again if the transaction that records it fails', async () => {
    bounds = { start: 5n, end: 10n };
    const progress = instance();
    const reached = progress.noChanges();
    await progress.collect(batch(5, 10), reached);
    const record = (fail: boolean) =>
      db.database.transaction(async (tx) => {
        const found = await progress.record(tx, reached);
        if (fail) throw new Error('a fault after the write');
        return found;
      });
    await expect(record(true)).rejects.toThrow('a fault');
    expect([await applied(), await gaps()]).toEqual([undefined, []]);
    expect(await record(false)).toMatchObject([{ kind: 'beginning_missing', fromOffset: 0n, toOffset: 5n }]);
  });

  it('is found by a running instance if the database goes back to an earlier point', async () => {
    const progress = instance();
    await apply(progress, batch(0, 50));
    await db.database.query({ text: 'UPDATE lastseen.track_progress SET next_offset = 20' });
    const skipped = { topic, partition: 0, kind: 'skipped', fromOffset: 20n, toOffset: 50n };
    expect(await apply(progress, batch(50, 60))).toEqual([skipped]);
    expect(await apply(progress, batch(60, 70))).toEqual([]);
    expect(await applied()).toBe(70n);
    await db.database.query({ text: 'TRUNCATE lastseen.track_progress' });
    expect(await apply(progress, batch(70, 80))).toEqual([{ ...skipped, fromOffset: 0n, toOffset: 70n }]);
  });

  it('is found after an outage of the broker', async () => {
    await apply(instance(), batch(0, 10));
    let down = true;
    const progress = createProgress({
      database: db.database,
      now,
      readBounds: async () => {
        if (down) throw new LastseenError('kafka_unavailable', 'down', { retriable: true });
        return { start: 20n, end: 30n };
      },
    });
    await expect(apply(progress, batch(20, 30))).rejects.toMatchObject({ retriable: true });
    down = false;
    expect(await apply(progress, batch(20, 30))).toMatchObject([{ kind: 'lost', fromOffset: 10n, toOffset: 20n }]);
  });

  it('is closed by a comparison after it was found, and can then be found again', async () => {
    bounds = { start: 5n, end: 10n };
    await apply(instance(), batch(5, 10));
    const { rows } = await db.database.query<{ found_at: bigint }>({ text: 'SELECT found_at FROM lastseen.track_gap' });
    const foundAt = single(rows, 'one gap is recorded').found_at;
    expect(await closeGaps(db.database, [topic], foundAt, 'audit')).toBe(0);
    expect(await closeGaps(db.database, ['another'], foundAt + 1n, 'audit')).toBe(0);
    expect(await closeGaps(db.database, [topic], foundAt + 1n, 'audit')).toBe(1);
    expect(await gaps()).toEqual([]);
    await db.database.query({ text: 'TRUNCATE lastseen.track_progress' });
    expect(await apply(instance(), batch(5, 10))).toHaveLength(1);
  });
});
