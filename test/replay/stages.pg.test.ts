import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { perSource, type Source } from '../../src/activity/source.ts';
import { digestLastSeen } from '../../src/last-seen/digest-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { recordProgress } from '../../src/last-seen/progress-store.ts';
import { raiseLastSeen, raiseShadow } from '../../src/last-seen/raise-store.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { swapInShadow } from '../../src/replay/rebuild-pipeline.ts';
import { correctLastSeen, lockLastSeen } from '../../src/replay/rebuild-store.ts';
import { createReplayStages, writeLastSeen, writeShadow } from '../../src/replay/stages-pipeline.ts';
import { loadReplay, recordReplayProgress, saveReplay } from '../../src/replay/state-store.ts';
import { type ReplayTotals, zeroTotals } from '../../src/replay/totals.ts';
import { recordInactive } from '../../src/sweep/episodes-store.ts';
import { closeAllEpisodes } from '../../src/sweep/returns-store.ts';
import { createOpenLetters } from '../../src/track/open-letters-pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await sql(`TRUNCATE lastseen.user_last_seen, lastseen.track_progress, lastseen.episode, lastseen.inactivity_outbox,
    lastseen.replay, lastseen.replay_partition, lastseen.replay_shadow`);
});

const T = parseInstant('2026-03-16T05:00:00Z') as bigint;
const DAY = MICROS_PER_DAY;
const learner = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as StudentId;
const sql = (text: string) => db.database.query<Record<string, unknown>>({ text });
const table = async () => (await sql('SELECT * FROM lastseen.user_last_seen ORDER BY student_id')).rows;

type Seen = readonly [n: number, at: bigint, source?: Source, userId?: string];

function learnersOf(...seen: readonly Seen[]) {
  const fold = createFold();
  for (const [n, at, source = 'session', userId = `u${n}`] of seen) {
    fold.add({ studentId: learner(n), userId, source, at });
  }
  return fold.columns();
}

const raise = (...seen: readonly Seen[]) => db.database.transaction((tx) => raiseLastSeen(tx, learnersOf(...seen)));
const shadow = (...seen: readonly Seen[]) => db.database.transaction((tx) => raiseShadow(tx, learnersOf(...seen)));

const PARTITION = { topic: 't', partition: 0 };
const save = (firstOffset: bigint, endOffset?: bigint) =>
  saveReplay(db.database, 'r', {
    groupIds: ['g'],
    snapshotId: null,
    intoShadow: true,
    totals: zeroTotals(),
    ranges: [{ ...PARTITION, firstOffset, endOffset }],
  });
const applied = (nextOffset: bigint) =>
  db.database.transaction((tx) => recordProgress(tx, [{ ...PARTITION, nextOffset, newestCommitAt: null }]));

describe('correcting last seen from the shadow', () => {
  it('raises, lowers, adds, removes and renames rows, and does not write equal ones', async () => {
    await raise([1, T], [2, T], [3, T], [4, T, 'attempt'], [5, T], [6, T]);
    await shadow([1, T], [2, T - DAY], [3, T + DAY], [4, T, 'exam_results'], [5, T, 'session', 'U5'], [7, T]);
    const untouched = (await sql(`SELECT xmin FROM lastseen.user_last_seen WHERE user_id = 'u1'`)).rows;
    const corrections = await db.database.transaction(async (tx) => {
      await lockLastSeen(tx);
      return correctLastSeen(tx);
    });
    expect(corrections).toEqual({
      added: 1,
      changed: 4,
      removed: 1,
      raised: { ...perSource(() => 0), exam_results: 1, session: 2 },
      lowered: { ...perSource(() => 0), attempt: 1, session: 2 },
    });
    const { rows } = await sql(`
SELECT count(*) AS differing
FROM lastseen.user_last_seen t FULL JOIN lastseen.replay_shadow s USING (student_id)
WHERE (t.user_id, t.exam_results_at, t.features_topic_daily_at, t.attempt_at, t.session_at)
  IS DISTINCT FROM (s.user_id, s.exam_results_at, s.features_topic_daily_at, s.attempt_at, s.session_at)`);
    expect(rows).toEqual([{ differing: 0n }]);
    expect((await sql(`SELECT xmin FROM lastseen.user_last_seen WHERE user_id = 'u1'`)).rows).toEqual(untouched);
  });
});

describe('swapping in the shadow', () => {
  const startSwap = () => {
    let pauses = 0;
    return {
      pauses: () => pauses,
      corrections: swapInShadow({
        database: db.database,
        replayId: 'r',
        now: () => 0,
        pause: async (ms) => {
          pauses += 1;
          return new Promise((resolve) => setTimeout(() => resolve(true), Math.min(ms, 20)));
        },
      }),
    };
  };

  it('blocks track until the shadow has all records that track has applied, and keeps what track applies next', async () => {
    await raise([1, T + 9n * DAY], [2, T]);
    await applied(8n);
    await save(0n);
    await db.database.transaction(async (tx) => {
      await raiseShadow(tx, learnersOf([1, T]));
      await recordReplayProgress(tx, 'r', [{ ...PARTITION, nextOffset: 5n }], zeroTotals());
    });
    const swap = startSwap();
    await vi.waitUntil(() => swap.pauses() > 0, { timeout: 10_000, interval: 5 });
    // The swap holds the lock now: what track applies next must wait, and must not be undone.
    const track = db.database.transaction(async (tx) => {
      await raiseLastSeen(tx, learnersOf([3, T + DAY], [1, T + DAY]));
      await recordProgress(tx, [{ ...PARTITION, nextOffset: 10n, newestCommitAt: null }]);
    });
    expect((await table()).map((row) => row['session_at'])).toEqual([T + 9n * DAY, T]);
    await db.database.transaction(async (tx) => {
      await raiseShadow(tx, learnersOf([2, T]));
      await recordReplayProgress(tx, 'r', [{ ...PARTITION, nextOffset: 8n }], zeroTotals());
    });
    expect(await swap.corrections).toMatchObject({ changed: 1, added: 0, removed: 0 });
    await track;
    expect((await table()).map((row) => row['session_at'])).toEqual([T + DAY, T, T + DAY]);
  });

  it('corrects nothing if the state of the replay is gone, as after a crash of the server', async () => {
    await raise([1, T]);
    await save(0n);
    await sql('TRUNCATE lastseen.replay, lastseen.replay_partition, lastseen.replay_shadow');
    await expect(startSwap().corrections).rejects.toMatchObject({ code: 'replay_lost', retriable: false });
    await expect(
      db.database.transaction((tx) => recordReplayProgress(tx, 'r', [{ ...PARTITION, nextOffset: 8n }], zeroTotals())),
    ).rejects.toMatchObject({ code: 'replay_lost' });
    expect(await table()).toHaveLength(1);
  });

  it('cannot resume a rebuild after another rebuild has emptied the shadow', async () => {
    await save(0n);
    await shadow([1, T]);
    await saveReplay(db.database, 'other', {
      groupIds: ['g'],
      snapshotId: null,
      intoShadow: true,
      totals: zeroTotals(),
      ranges: [],
    });
    expect(await loadReplay(db.database, 'r')).toBe(undefined);
    expect((await sql('SELECT FROM lastseen.replay_shadow')).rows).toEqual([]);
    await expect(startSwap().corrections).rejects.toMatchObject({ code: 'replay_lost' });
  });

  it('corrects nothing if track has applied a partition that the replay does not read', async () => {
    await save(0n);
    await db.database.transaction((tx) =>
      recordProgress(tx, [{ topic: 't', partition: 1, nextOffset: 1n, newestCommitAt: null }]),
    );
    await expect(startSwap().corrections).rejects.toMatchObject({ message: expect.stringContaining('new partitions') });
  });
});

describe('the digest', () => {
  it('depends only on the rows, and changes with a single microsecond', async () => {
    await raise([1, T], [2, T - 1n], [3, T, 'attempt']);
    const first = await digestLastSeen(db.database);
    await sql('TRUNCATE lastseen.user_last_seen');
    await raise([3, T, 'attempt']);
    await raise([2, T - DAY], [1, T - DAY]);
    await raise([1, T], [2, T - 1n]);
    expect(await digestLastSeen(db.database)).toEqual(first);
    await raise([2, T]);
    expect((await digestLastSeen(db.database)).digest).not.toBe(first.digest);
  });

  it('is the SHA-256 hash of its definition', async () => {
    const sha256 = (...parts: (string | Buffer)[]) => {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return hash.digest();
    };
    await raise([1, T], [2, T + 1n, 'attempt', 'Zoë "x"']);
    const row = (n: number, name: string, instants: string) =>
      sha256(`["${learner(n)}", ${JSON.stringify(name)}, ${instants}]`);
    const block = sha256(row(1, 'u1', `null, null, null, ${T}`), row(2, 'Zoë "x"', `null, null, ${T + 1n}, null`));
    expect(await digestLastSeen(db.database)).toEqual({ learners: 2n, digest: sha256(block).toString('hex') });
    await sql('TRUNCATE lastseen.user_last_seen');
    expect(await digestLastSeen(db.database)).toEqual({ learners: 0n, digest: sha256().toString('hex') });
  });
});

describe('a replay', () => {
  const record = (offset: number, user: string, at: string) => ({
    key: null,
    value: Buffer.from(JSON.stringify({ user_id: user, started_at: at, ended_at: null })),
    offset: String(offset),
    timestamp: String(Number(T / 1000n)),
  });

  async function replayed(records: ReturnType<typeof record>[], emit = false): Promise<ReplayTotals> {
    const saved = await loadReplay(db.database, 'r');
    const stages = createReplayStages({
      decoder: createDecoder({
        registry: { writerSchema: async () => ({ kind: 'unknown' }) },
        neededColumns: () => ['user_id', 'started_at', 'ended_at'],
      }),
      deadLetterLimit: { exceededAfter: () => false },
      sourceOf: new Map([['t', 'session']]),
      policy: { attemptSource: 'topic', maxClockSkewUs: 0n },
      now: () => T + DAY,
      openLetters: createOpenLetters(db.database),
      database: db.database,
      replayId: 'r',
      totals: saved?.totals ?? zeroTotals(),
      write: writeLastSeen(emit ? () => T : undefined),
    });
    const flush = stages.open();
    const nextOffset = BigInt(records.at(-1)?.offset ?? 0) + 1n;
    await stages.collect({ ...PARTITION, records, fromOffset: 0n, nextOffset }, flush);
    await stages.apply(flush, [{ ...PARTITION, nextOffset }]);
    return stages.totals;
  }

  it('adds to the saved totals, and does not change the progress of track', async () => {
    await save(0n, 3n);
    await applied(2n);
    expect(await replayed([record(0, 'a', '2026-03-01T00:00:00Z'), record(1, 'b', 'never')])).toMatchObject({
      rowsChanged: 1,
      raised: { session: 1 },
      counts: { session: { applied: 1, 'dead letter: bad_instant': 1 } },
    });
    expect(await replayed([record(2, 'a', '2026-03-02T00:00:00Z')])).toMatchObject({
      rowsChanged: 2,
      raised: { session: 2 },
      counts: { session: { applied: 2, 'dead letter: bad_instant': 1 } },
    });
    expect((await loadReplay(db.database, 'r'))?.ranges).toEqual([{ ...PARTITION, firstOffset: 3n, endOffset: 3n }]);
    expect((await sql('SELECT next_offset FROM lastseen.track_progress')).rows).toEqual([{ next_offset: 2n }]);
  });

  it('emits returns on request; without it, the next sweep emits them once', async () => {
    const plan = { asOf: T, thresholds: [7], lookbackDays: 30, refresh: 'daily' as const };
    const returns = async () =>
      (await sql(`SELECT user_id FROM lastseen.inactivity_outbox WHERE phase = 'RETURNED' ORDER BY seq`)).rows.map(
        (row) => row['user_id'],
      );
    await save(0n, 9n);
    for (const user of ['a', 'b']) await replayed([record(0, user, '2026-03-01T00:00:00Z')]);
    await db.database.transaction((tx) => recordInactive(tx, plan, '00000000-0000-4000-8000-000000000000', T));
    expect(await replayed([record(1, 'a', '2026-03-15T00:00:00Z')])).toMatchObject({ returned: 0 });
    expect(await returns()).toEqual([]);
    expect(await replayed([record(2, 'b', '2026-03-15T00:00:00Z')], true)).toMatchObject({ returned: 1 });
    expect(await returns()).toEqual(['b']);
    expect(await db.database.transaction((tx) => closeAllEpisodes(tx, T))).toBe(1);
    expect(await returns()).toEqual(['b', 'a']);
  });

  it('closes the letter of a record that it applies', async () => {
    await db.database.query({
      text: `
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id)
SELECT 't', 0, "offset", ${T / 1000n}, 'missing_column', 'activity', '', md5('u')::uuid FROM unnest(ARRAY[0, 5]) "offset"`,
    });
    await save(0n, 10n);
    await replayed([record(0, 'u', '2026-03-10T00:00:00Z')]);
    const { rows } = await db.database.query({
      text: 'SELECT record_offset, closed_by FROM lastseen.dead_letter ORDER BY 1',
    });
    expect(rows).toEqual([
      { record_offset: 0n, closed_by: 'replay' },
      { record_offset: 5n, closed_by: null },
    ]);
    await db.database.query({ text: 'TRUNCATE lastseen.dead_letter' });
  });

  it('does not change last seen when it writes to the shadow', async () => {
    await db.database.transaction(async (tx) => {
      const nothing = await writeShadow(tx, {
        fold: Object.assign(createFold(), { columns: () => learnersOf([1, T]) }),
        letters: [],
        settled: [],
        letterBytes: 0,
        counts: zeroTotals().counts,
      });
      expect(nothing).toMatchObject({ rowsChanged: 0, returned: 0 });
    });
    expect(await table()).toEqual([]);
    expect((await sql('SELECT user_id FROM lastseen.replay_shadow')).rows).toEqual([{ user_id: 'u1' }]);
  });
});
