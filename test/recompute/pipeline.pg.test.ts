import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { createDeadLetterWindow, type FailedRecord } from '../../src/dead-letters/dead-letter.ts';
import type { InactivityEvent } from '../../src/events/inactivity-event.ts';
import { markPublished, takeUnpublished } from '../../src/events/outbox-store.ts';
import { KPI_UPDATED_OUTBOX } from '../../src/events/outboxes.ts';
import type { RawRecord } from '../../src/kafka/client/records.ts';
import type { Database, Queryable } from '../../src/postgres/database.ts';
import { createRecompute, type RecomputeCounts, type RecomputeDeps } from '../../src/recompute/pipeline.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { OPTIONS } from '../kpi/compute-figures.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { clearPlatform, insertRows } from '../support/platform-rows.ts';
import { AS_OF, crossedEvent } from './crossed-event.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clearPlatform(db.database));

const TOPIC = 'lastseen.inactivity.v1';
const RETRY_TOPIC = 'lastseen.recompute.retry.v1';

/** Learners with an ability and a session 7 days before the as-of: P = Φ(0.625), S = 0.6·7/14 + 0.25 + 0.15 = 0.7. */
async function learners(...userIds: string[]): Promise<void> {
  await insertRows(
    db.database,
    'ability_estimates',
    userIds.map((user_id) => ({ user_id, mean: 0.5, sd: 0.8, fitted_at: '2026-03-01Z' })),
  );
  await insertRows(
    db.database,
    'session',
    userIds.map((user_id) => ({ id: `session of ${user_id}`, user_id, started_at: '2026-03-09T12:00Z' })),
  );
}

/** Ten answers on 02-10 and 02-25 (30 s each, every second one correct) and again on 03-14 (20 s each, all correct). */
async function answers(userId: string): Promise<void> {
  const exam = (id: number, created_at: string, time_spent_sec: number, isCorrect: (item: number) => boolean) => ({
    id: `00000000-0000-4000-8000-00000000000${id}`,
    session_id: `exam ${id} of ${userId}`,
    user_id: userId,
    created_at,
    result_json: {
      questions: [
        ...Array.from({ length: 10 }, (_, item) => ({
          question_id: item,
          time_spent_sec,
          is_correct: isCorrect(item),
        })),
        'no answer',
      ],
    },
  });
  await insertRows(db.database, 'exam_results', [
    exam(1, '2026-02-10T10:00Z', 30, (item) => item % 2 === 0),
    exam(2, '2026-02-25T10:00Z', 30, (item) => item % 2 === 0),
    exam(3, '2026-03-14T10:00Z', 20, () => true),
  ]);
}

const P = 0.7340144709512995;
const S = 0.6 * (7 / 14) + 0.25 + 0.15;

function recomputing(changes: Partial<RecomputeDeps> = {}) {
  const deadLetters: FailedRecord[] = [];
  const failed: FailedRecord[] = [];
  const applied: RecomputeCounts[] = [];
  const events = new Map<string, InactivityEvent>();
  const stages = createRecompute({
    source: db.database,
    database: db.database,
    options: OPTIONS,
    decode: (value) => {
      const event = events.get(value.toString());
      if (event === undefined) throw new Error('not in wire format');
      return event;
    },
    deadLetters: { send: async (letters) => void deadLetters.push(...letters) },
    failedLearners: { send: async (letters) => void failed.push(...letters) },
    deadLetterLimit: createDeadLetterWindow(0.05),
    retryTopic: RETRY_TOPIC,
    onApplied: (counts) => applied.push(counts),
    ...changes,
  });
  let offset = 0;
  const record = (value: string | null): RawRecord => ({
    key: null,
    value: value === null ? null : Buffer.from(value),
    timestamp: '0',
    offset: String(offset++),
  });
  const records = (...given: (InactivityEvent | string | null)[]) =>
    given.map((one) => {
      if (one === null || typeof one === 'string') return record(one);
      events.set(one.event_id, one);
      return record(one.event_id);
    });
  const batchOf = (topic: string, ...given: (InactivityEvent | string | null)[]) => ({
    topic,
    partition: 3,
    records: records(...given),
    fromOffset: 0n,
    nextOffset: BigInt(offset),
  });
  const runFrom = async (topic: string, ...given: (InactivityEvent | string | null)[]) => {
    const round = stages.open();
    await stages.collect(batchOf(topic, ...given), round);
    await stages.apply(round, [{ topic, partition: 3, nextOffset: BigInt(offset) }]);
    return applied.at(-1);
  };
  return {
    stages,
    deadLetters,
    failed,
    applied,
    records,
    batchOf,
    /** One batch, collected and applied. */
    run: (...given: (InactivityEvent | string | null)[]) => runFrom(TOPIC, ...given),
    /** The same, of the retry topic. */
    retry: (...given: (InactivityEvent | string | null)[]) => runFrom(RETRY_TOPIC, ...given),
  };
}

/** Weekly rows of another job. */
async function existing(kpis: string | null, ...userIds: string[]): Promise<void> {
  await db.database.query({
    text: `INSERT INTO weekly_kpi (user_id, week_start, kpis) SELECT unnest($1::text[]), '2026-03-16', $2::jsonb`,
    values: [userIds, kpis],
  });
}

async function kpisOf(userId: string): Promise<unknown> {
  const { rows } = await db.database.query<{ kpis: unknown }>({
    text: 'SELECT kpis FROM weekly_kpi WHERE user_id = $1',
    values: [userId],
  });
  return rows[0]?.kpis;
}

/** Installs a trigger that refuses one learner, as the platform may have. */
async function refusing(userId: string, work: () => Promise<void>): Promise<void> {
  await db.database.query({
    text: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF new.user_id = '${userId}' THEN RAISE 'no % here', new.kpis; END IF; RETURN new; END $$;
           CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON weekly_kpi FOR EACH ROW EXECUTE FUNCTION refuse()`,
  });
  try {
    await work();
  } finally {
    await db.database.query({ text: 'DROP FUNCTION refuse CASCADE' });
  }
}

const unpublished = () => takeUnpublished(db.database, KPI_UPDATED_OUTBOX, 10);

describe('recompute', () => {
  it('writes P and S for an inactivity event, and publishes them once', async () => {
    await learners('anna');
    const { run } = recomputing();
    const event = crossedEvent('anna');
    expect(await run(event)).toMatchObject({ events: 1, learners: 1, created: 1, pNull: 0, sNull: 0, failed: 0 });
    expect(await kpisOf('anna')).toEqual({ P, S });

    const updates = await unpublished();
    expect(updates).toMatchObject([
      { cause_event_id: event.event_id, user_id: 'anna', as_of: AS_OF, P, S, previous_P: null, computed: 'ALL' },
    ]);
    expect(updates[0]?.week_start).toBe(Date.parse('2026-03-16') / 86_400_000);
    await markPublished(db.database, KPI_UPDATED_OUTBOX, updates);
    expect(await unpublished()).toEqual([]);
  });

  it('creates no row for a learner that no source table has any more, and refreshes an existing one', async () => {
    await db.database.query({
      text: `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
             SELECT id, name, '2026-03-08Z' FROM unnest($1::uuid[], $2::text[]) AS learner (id, name)`,
      values: [
        [studentIdOf('gone'), studentIdOf('kept')],
        ['gone', 'kept'],
      ],
    });
    await existing('{"A_t": 0.5}', 'kept');
    const { run } = recomputing();
    expect(await run(crossedEvent('gone'), crossedEvent('kept'))).toMatchObject({
      learners: 2,
      unknown: 1,
      updated: 1,
    });
    expect(await kpisOf('gone')).toBeUndefined();
    expect(await kpisOf('kept')).toEqual({ A_t: 0.5, S: expect.any(Number) });
    expect(await unpublished()).toMatchObject([{ user_id: 'kept' }]);
  });

  it('passes written figures to onFigures, and those of a redelivered event not again', async () => {
    await learners('anna', 'ben');
    const shown: unknown[] = [];
    const { run } = recomputing({ onFigures: (figures) => shown.push(figures) });
    const [anna, ben] = [crossedEvent('anna'), crossedEvent('ben')];
    await run(anna, ben);
    await run(anna, ben);
    expect(shown).toEqual([expect.objectContaining({ P, S }), expect.objectContaining({ P, S })]);
  });

  it('answers only the newest event per learner, in any order; among equal as-ofs the later one', async () => {
    await learners('anna', 'ben');
    const { run } = recomputing();
    const newest = crossedEvent('anna', { as_of: AS_OF + MICROS_PER_DAY, phase: 'ONGOING' });
    const twin = crossedEvent('ben', { phase: 'RETURNED' });
    const counts = await run(
      crossedEvent('anna'),
      newest,
      crossedEvent('anna', { as_of: AS_OF - 1n }),
      crossedEvent('ben'),
      twin,
    );
    expect(counts).toMatchObject({ events: 5, learners: 2, created: 2 });
    const waiting = await unpublished();
    expect(waiting.map((update) => update.cause_event_id)).toEqual([newest.event_id, twin.event_id]);
    expect(waiting[0]?.S).toBeCloseTo(0.6 * (8 / 14) + 0.4, 12);
  });

  it('changes nothing for a redelivered batch, or the same batch applied twice', async () => {
    await learners('anna', 'ben');
    const { run, stages, records, applied } = recomputing();
    const events = [crossedEvent('anna'), crossedEvent('ben')];
    await run(...events);
    expect(await run(...events)).toMatchObject({ redelivered: 2, created: 0, updated: 0, unchanged: 0 });
    const round = stages.open();
    await stages.collect(
      { topic: TOPIC, partition: 0, records: records(crossedEvent('anna')), fromOffset: 0n, nextOffset: 9n },
      round,
    );
    await stages.apply(round, []);
    await stages.apply(round, []);
    expect(applied.slice(-2)).toMatchObject([{ unchanged: 1 }, { redelivered: 1 }]);
    expect(await unpublished()).toHaveLength(3);
  });

  it('stores nothing for a learner without a figure, and counts it', async () => {
    await insertRows(db.database, 'ability_estimates', [{ user_id: 'ben', mean: 0.5, sd: 0.8 }]);
    const { run } = recomputing();
    expect(await run(crossedEvent('anna'), crossedEvent('ben'))).toMatchObject({
      nothing: 1,
      created: 1,
      pNull: 1,
      sNull: 2,
    });
    expect(await kpisOf('anna')).toBeUndefined();
    expect(await kpisOf('ben')).toEqual({ P });
    expect(await unpublished()).toHaveLength(1);
  });

  it('sends every record that is not an event to the dead letters before it answers the others', async () => {
    await learners('anna');
    const order: string[] = [];
    const letters: FailedRecord[] = [];
    const { run } = recomputing({
      deadLetters: {
        send: async (each) => {
          order.push(`letters, row is ${(await kpisOf('anna')) === undefined ? 'missing' : 'there'}`);
          letters.push(...each);
        },
      },
    });
    const counts = await run(
      'garbage',
      null,
      crossedEvent('anna'),
      crossedEvent('x', { event_id: 'no-uuid' }),
      crossedEvent('x', { student_id: 'x' as InactivityEvent['student_id'] }),
      crossedEvent('nul\0'),
      crossedEvent('x', { as_of: 9_223_372_036_854_775_807n as Instant }),
    );
    expect(order).toEqual(['letters, row is missing']);
    expect(letters.map(({ reason, record }) => `${record.offset} ${reason}`)).toEqual([
      '0 not_decodable',
      '1 not_decodable',
      '3 bad_event',
      '4 bad_event',
      '5 bad_event',
      '6 bad_event',
    ]);
    expect(letters[0]).toMatchObject({ topic: TOPIC, partition: 3, step: 'decode' });
    expect(counts).toMatchObject({ events: 7, undecodable: 6, created: 1 });
    expect(await kpisOf('anna')).toEqual({ P, S });
  });

  it('fails only the learner whose row cannot be written, and answers all others', async () => {
    const userIds = Array.from({ length: 37 }, (_, index) => `u${index}`);
    await learners(...userIds);
    await refusing('u23', async () => {
      const { run, failed } = recomputing({ sliceSize: 20 });
      const counts = await run(...userIds.map((userId) => crossedEvent(userId)));
      expect(counts).toMatchObject({ learners: 37, created: 36, failed: 1 });
      expect(failed).toMatchObject([{ reason: 'recompute_failed', step: 'recompute', record: { offset: '23' } }]);
      // The detail has no data of the row.
      expect(failed[0]?.detail).toContain('SQLSTATE P0001');
    });
    for (const userId of userIds) expect(await kpisOf(userId)).toEqual(userId === 'u23' ? undefined : { P, S });
    const { rows } = await db.database.query({ text: `SELECT FROM lastseen.kpi_watermark WHERE user_id = 'u23'` });
    expect(rows).toEqual([]);
  });

  it('answers two learners that share a user_id', async () => {
    await learners('anna');
    const { run } = recomputing();
    const counts = await run(crossedEvent('anna'), crossedEvent('anna', { student_id: studentIdOf('other') }));
    expect(counts).toMatchObject({ learners: 2, created: 1, unchanged: 1, failed: 0 });
  });

  it('throws an outage at any learner, and continues from there when applied again', async () => {
    await learners('anna', 'ben', 'cleo');
    let left = 2;
    const flaky: Database = {
      ...db.database,
      transaction: (work) => {
        if (left-- > 0) return db.database.transaction(work);
        throw new LastseenError('postgres_unavailable', 'gone', { retriable: true });
      },
    };
    const { stages, records, failed, applied } = recomputing({ database: flaky, sliceSize: 1 });
    const round = stages.open();
    const given = ['anna', 'ben', 'cleo'].map((userId) => crossedEvent(userId));
    await stages.collect(
      { topic: TOPIC, partition: 0, records: records(...given), fromOffset: 0n, nextOffset: 3n },
      round,
    );
    await expect(stages.apply(round, [])).rejects.toMatchObject({ code: 'postgres_unavailable' });
    expect(failed).toEqual([]);
    left = 3;
    await stages.apply(round, []);
    expect(applied).toMatchObject([{ redelivered: 2, created: 1, failed: 0 }]);
    expect(await kpisOf('cleo')).toEqual({ P, S });
  });

  it('throws if the platform’s table is missing, instead of failing every learner', async () => {
    await learners('anna');
    await db.database.query({ text: 'ALTER TABLE weekly_kpi RENAME TO weekly_kpi_away' });
    try {
      const { run, failed } = recomputing();
      await expect(run(crossedEvent('anna'))).rejects.toMatchObject({ code: 'tables_differ' });
      expect(failed).toEqual([]);
    } finally {
      await db.database.query({ text: 'ALTER TABLE weekly_kpi_away RENAME TO weekly_kpi' });
    }
  });

  it('collects a batch once if the registry was unavailable while it was decoded', async () => {
    await learners('anna');
    let away = true;
    const event = crossedEvent('anna');
    const { stages, deadLetters } = recomputing({
      decode: (value) => {
        if (value.toString() === 'garbage') throw new Error('garbage');
        if (away) throw new LastseenError('registry_unavailable', 'away', { retriable: true });
        return event;
      },
    });
    const record = (value: string, offset: string) => ({
      key: null,
      value: Buffer.from(value),
      timestamp: '0',
      offset,
    });
    const batch = {
      topic: TOPIC,
      partition: 0,
      records: [record('garbage', '0'), record('x', '1')],
      fromOffset: 0n,
      nextOffset: 2n,
    };
    const round = stages.open();
    await expect(stages.collect(batch, round)).rejects.toMatchObject({ code: 'registry_unavailable' });
    away = false;
    await stages.collect(batch, round);
    await stages.apply(round, []);
    expect(deadLetters).toHaveLength(1);
    expect(await kpisOf('anna')).toEqual({ P, S });
  });

  it('sends dead letters once if the round is applied again', async () => {
    const { stages, records, deadLetters } = recomputing();
    const round = stages.open();
    await stages.collect(
      { topic: TOPIC, partition: 0, records: records('garbage'), fromOffset: 0n, nextOffset: 1n },
      round,
    );
    await stages.apply(round, []);
    await stages.apply(round, []);
    expect(deadLetters).toHaveLength(1);
  });

  it('computes P for the learner’s own goal if configured, else for the default target', async () => {
    await learners('anna', 'ben');
    await insertRows(db.database, 'interest_goal', [
      { user_id: 'anna', topic_id: 't', target_level: 0.5, priority: 1 },
    ]);
    const { run } = recomputing({ options: { ...OPTIONS, targetFrom: 'interest_goal', defaultTarget: 1.3 } });
    await run(crossedEvent('anna'), crossedEvent('ben'));
    expect(await kpisOf('anna')).toEqual({ P: 0.5, S });
    // z = (1.3 − 0.5) / 0.8 = 1; 1 − Φ(1)
    expect((await kpisOf('ben')) as { P: number }).toMatchObject({ P: expect.closeTo(0.158655253931457, 12) });
  });

  it('keeps the figures of a newer event when an older one is retried, in the same round or later', async () => {
    await learners('anna', 'ben');
    const { stages, batchOf, run, retry } = recomputing();
    const failed = crossedEvent('anna');
    await run(crossedEvent('anna', { as_of: AS_OF + MICROS_PER_DAY, phase: 'ONGOING' }));
    const newest = await kpisOf('anna');
    expect(await retry(failed)).toMatchObject({ learners: 1, outdated: 1, created: 0, updated: 0 });
    expect(await kpisOf('anna')).toEqual(newest);

    // In one round: an event from the first topic, and the retry of another one with the same as-of.
    const [older, twin] = [crossedEvent('ben'), crossedEvent('ben', { phase: 'RETURNED' })];
    const round = stages.open();
    await stages.collect(batchOf(TOPIC, twin), round);
    await stages.collect(batchOf(RETRY_TOPIC, older), round);
    await stages.apply(round, []);
    const { rows } = await db.database.query({
      text: `SELECT cause_event_id FROM lastseen.kpi_ledger WHERE user_id = 'ben'`,
    });
    expect(rows).toEqual([{ cause_event_id: twin.event_id }]);
  });

  it('counts a failing event once, however often it is tried', async () => {
    await learners('anna', 'ben');
    const judged: boolean[] = [];
    const deadLetterLimit = { exceededAfter: (isDeadLetter: boolean) => judged.push(isDeadLetter) === 0 };
    let sends = 0;
    const failedLearners = {
      send: async () => {
        if (sends++ === 0) throw new LastseenError('kafka_unavailable', 'gone', { retriable: true });
      },
    };
    await refusing('anna', async () => {
      const { stages, batchOf, retry } = recomputing({ deadLetterLimit, failedLearners });
      const events = [crossedEvent('anna'), crossedEvent('ben')];
      const round = stages.open();
      await stages.collect(batchOf(TOPIC, ...events), round);
      await expect(stages.apply(round, [])).rejects.toMatchObject({ code: 'kafka_unavailable' });
      await stages.apply(round, []);
      for (let n = 0; n < 3; n++) expect(await retry(events[0] ?? null, 'garbage')).toMatchObject({ failed: 1 });
    });
    expect(judged).toEqual([false, false, true]);
  });

  it('stops if too many events cannot be answered', async () => {
    const { run } = recomputing({ deadLetterLimit: createDeadLetterWindow(0.05, 10, 5) });
    await expect(run(...Array.from({ length: 5 }, () => 'garbage'))).rejects.toMatchObject({
      code: 'too_many_dead_letters',
    });
  });

  it.each([
    ['there is no row', undefined],
    ['kpis is SQL null', null],
    ['kpis is JSON null', 'null'],
    ['kpis is an array', '[1]'],
    ['kpis is text', '"x"'],
  ])('computes all six if %s', async (_, kpis) => {
    await learners('anna');
    if (kpis !== undefined) await existing(kpis, 'anna');
    await answers('anna');
    const { run } = recomputing();
    expect(await run(crossedEvent('anna'))).toMatchObject({ whole: 1, created: 1, skippedAnswers: 3 });
    const figures = (await kpisOf('anna')) as Record<string, number>;
    expect(figures).toEqual({
      // 10 of 10 against 5 of 10: 0.5 · 10/30 · (1 − 0)
      I_t: expect.closeTo(0.5 / 3, 12),
      // The median of correct answers: 30 s before, 20 s recently (ten of 20 s, five of 30 s).
      E_t: expect.closeTo(1 / 3, 12),
      // The 5 items missed on 02-10 were answered again twice: wrongly, then correctly.
      R_t: 0.5,
      // Two recent sessions, 17 days apart; hints are unknown; 300 s and 200 s of 900 s.
      A_t: expect.closeTo(0.35 * (2 / 28) + 0.25 / 17 + 0.2 * 0.5 + 0.2 * (250 / 900), 12),
      P,
      // k = 2 from 03-14, m = 16, n = 3.
      S: expect.closeTo(0.6 * (2 / 14) + 0.25 + 0.15 * 0.7, 12),
    });
    expect(await unpublished()).toMatchObject([{ computed: 'ALL', P, previous_P: null }]);
  });

  it('refreshes P and S of an existing row, and keeps the other figures and keys', async () => {
    await learners('anna');
    await answers('anna');
    await existing('{"I_t": 0.5, "E_t": null, "campaign": {"budget": 12345678901234567890.10}, "P": 0.1}', 'anna');
    const { run } = recomputing();
    expect(await run(crossedEvent('anna'))).toMatchObject({ whole: 0, updated: 1 });
    const { rows } = await db.database.query<{ others: string }>({
      text: `SELECT (kpis - 'P' - 'S')::text AS others FROM weekly_kpi`,
    });
    expect(rows[0]?.others).toBe('{"E_t": null, "I_t": 0.5, "campaign": {"budget": 12345678901234567890.10}}');
    expect(await unpublished()).toMatchObject([{ computed: 'P_AND_S', previous_P: 0.1 }]);
  });

  it('leaves figures that cannot be computed out of a whole row, and records the interval of P', async () => {
    await learners('anna');
    const { run } = recomputing();
    await run(crossedEvent('anna'));
    expect(await kpisOf('anna')).toEqual({ P, S });
    const [update] = await unpublished();
    // One ability row N(0.5, 0.8²): Φ((0.5 ± 1.644853…·0.8) / 0.8) = Φ(0.625 ± 1.644853…)
    expect(update).toMatchObject({
      P_low: expect.closeTo(0.15389894269055, 12),
      P_high: expect.closeTo(0.98839176722711, 12),
      P_insufficient_data: true,
    });
  });

  it('throws a conflict if the platform creates the row meanwhile, and refreshes the row when applied again', async () => {
    await learners('anna');
    let first = true;
    const database: Database = {
      ...db.database,
      transaction: async (work) => {
        if (first) await existing('{"I_t": 0.25}', 'anna');
        first = false;
        return db.database.transaction(work);
      },
    };
    const { stages, records, applied } = recomputing({ database });
    const round = stages.open();
    await stages.collect(
      { topic: TOPIC, partition: 0, records: records(crossedEvent('anna')), fromOffset: 0n, nextOffset: 1n },
      round,
    );
    await expect(stages.apply(round, [])).rejects.toMatchObject({ code: 'postgres_conflict', retriable: true });
    await stages.apply(round, []);
    expect(applied).toMatchObject([{ updated: 1, whole: 0 }]);
    expect(await kpisOf('anna')).toEqual({ I_t: 0.25, P, S });
  });

  it('sends as many queries for a slice of ten thousand learners as of ten, with and without rows', async () => {
    const queriesFor = async (count: number) => {
      await clearPlatform(db.database);
      const userIds = Array.from({ length: count }, (_, index) => `u${index}`);
      await learners(...userIds);
      await existing('{}', ...userIds.filter((_, index) => index % 2 === 0));
      let queries = 0;
      const counted = (on: Queryable): Queryable => ({
        query: (statement) => {
          queries += 1;
          return on.query(statement);
        },
      });
      const database: Database = {
        ...db.database,
        ...counted(db.database),
        transaction: (work) => db.database.transaction((tx) => work(counted(tx))),
      };
      const { run } = recomputing({ database, source: counted(db.database), sliceSize: 10_000 });
      const counts = await run(...userIds.map((userId) => crossedEvent(userId)));
      expect(counts).toMatchObject({ learners: count, created: count / 2, updated: count / 2, whole: count / 2 });
      return queries;
    };
    const [few, many] = [await queriesFor(10), await queriesFor(10_000)];
    expect(many).toBe(few);
    // Which rows exist; answers twice, abilities, exams, last seen and each source; then watermarks, what is stale, locks,
    // the merge and the ledger.
    expect(few).toBe(1 + 5 + SOURCES.length + 5);
  });
});
