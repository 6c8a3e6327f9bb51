import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { explaining, type PlanNode, readsOf } from '../../bench/plans.ts';
import type { StudentId } from '../../src/activity/activity.ts';
import { MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { INACTIVITY_OUTBOX } from '../../src/events/outboxes.ts';
import { createRelay } from '../../src/events/relay-pipeline.ts';
import type { OutgoingRecord } from '../../src/kafka/client/records.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { tryWithLock } from '../../src/postgres/locks.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { eachDue, recordInactive } from '../../src/sweep/episodes-store.ts';
import { type CompletedSweep, sweep } from '../../src/sweep/pipeline.ts';
import { closeEpisodes } from '../../src/sweep/returns-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { INSTALLATION } from '../support/installation.ts';
import { waitFor } from '../support/waiting.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  sent.length = 0;
  await db.database.query({
    text: 'TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run',
  });
});

const asOf = parseInstant('2026-03-16T05:00:00Z') as bigint;
const DAY = MICROS_PER_DAY;
const plan: SweepPlan = { asOf, thresholds: [7], lookbackDays: 30, refresh: 'daily' };
const learner = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as StudentId;

/** Learner n was last seen at the n-th instant. */
async function seen(...instants: bigint[]): Promise<void> {
  const fold = createFold();
  for (const [n, at] of instants.entries()) fold.add({ studentId: learner(n), userId: `u${n}`, source: 'session', at });
  await db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
}

const sent: { topic: string; record: OutgoingRecord }[] = [];
const producer = {
  send: async (topic: string, records: readonly OutgoingRecord[]) => {
    sent.push(...records.map((record) => ({ topic, record })));
  },
};

async function run(changes: Partial<SweepPlan> = {}, send = producer.send): Promise<CompletedSweep> {
  const outcome = await sweep(
    {
      database: db.database,
      newRunId: randomUUID,
      now: () => asOf,
      proveFresh: undefined,
      maxCrossedShare: 0.2,
      relay: createRelay(INACTIVITY_OUTBOX, {
        database: db.database,
        producer: { send },
        topic: 'lastseen.inactivity.v1',
        installation: INSTALLATION,
        encode: (event) => Buffer.from(JSON.stringify(event, (_, v) => (typeof v === 'bigint' ? String(v) : v))),
      }),
    },
    { ...plan, ...changes },
  );
  if (outcome.status === 'held') throw new Error(`held: ${outcome.because}`);
  return outcome;
}

const events = () => sent.map(({ record }) => JSON.parse(String(record.value)));
const ids = () => events().map((event) => event.event_id);

/** Nested loops of the plan that scan a CTE once per outer row. */
function loopsOverFindings({ 'Node Type': type, Plans: plans = [] }: PlanNode): number {
  const repeated = type === 'Nested Loop' && plans[1]?.['Node Type'] === 'CTE Scan' ? 1 : 0;
  return plans.reduce((sum, each) => sum + loopsOverFindings(each), repeated);
}

describe('inactive learners', () => {
  it('are recorded without a loop over all of them, also if all episodes were noted on the same day', async () => {
    await seen(...Array.from({ length: 2_000 }, (_, n) => asOf - 8n * DAY - BigInt(n)));
    await db.database.transaction((tx) => recordInactive(tx, plan, randomUUID(), asOf));
    await db.database.query({ text: 'ANALYZE lastseen.episode' });
    const plans: PlanNode[] = [];
    await db.database.transaction(async (tx) => {
      const explained = explaining(tx, (each) => plans.push(each));
      await recordInactive(explained, plan, randomUUID(), asOf);
    });
    expect(plans).toHaveLength(1);
    expect(plans.map(loopsOverFindings)).toEqual([0]);
  });

  it('are recorded without a read of old episodes', async () => {
    await db.database.query({
      text: `
INSERT INTO lastseen.episode
  (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on, returned_as_of)
SELECT md5(n::text)::uuid, 7, at, gen_random_uuid(), at, at, at, at
FROM generate_series(1, 100000) n, LATERAL (SELECT timestamptz '2020-01-01' + n * interval '10 minutes' AS at) t`,
    });
    await seen(...Array.from({ length: 10_000 }, (_, n) => asOf - 8n * DAY - BigInt(n)));
    await db.database.query({ text: 'VACUUM (ANALYZE) lastseen.episode, lastseen.user_last_seen' });
    const plans: PlanNode[] = [];
    await db.database.transaction(async (tx) => {
      const explained = explaining(tx, (each) => plans.push(each));
      await recordInactive(explained, plan, randomUUID(), asOf);
    });
    expect(plans.flatMap(readsOf).filter((read) => read.includes('episode'))).toEqual([
      'Bitmap Heap Scan episode',
      'Bitmap Index Scan episode_last_seen_at',
    ]);
  });

  it('are silent for at least the threshold and for less than the lookback, to the microsecond', async () => {
    await seen(asOf - 7n * DAY, asOf - 7n * DAY + 1n, asOf - 30n * DAY, asOf - 30n * DAY + 1n);
    expect(await run()).toMatchObject({ inactive: 2n, crossed: 2n, ongoing: 0n });
    expect(events().map((event) => event.user_id)).toEqual(['u0', 'u3']);
    expect(events().map((event) => event.days_inactive)).toEqual([7, 29]);
  });

  it('are undecidable if they were seen after the as-of', async () => {
    await seen(asOf + 1n, asOf, asOf - 8n * DAY);
    expect(await run()).toMatchObject({ active: 2n, inactive: 1n, undecidable: 1n, crossed: 1n });
  });

  it('are counted, but get no event, while only their student_id is known', async () => {
    const fold = createFold();
    fold.add({ studentId: learner(1), userId: null, source: 'attempt', at: asOf - 8n * DAY });
    await db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
    expect(await run()).toMatchObject({ inactive: 1n, unresolved: 1n, crossed: 0n, published: 0 });
    await seen(asOf - 20n * DAY, asOf - 20n * DAY);
    expect(await run()).toMatchObject({ unresolved: 0n, crossed: 2n });
  });
});

describe('phases', () => {
  it('are CROSSED once, then ONGOING once per UTC day', async () => {
    await seen(asOf - 8n * DAY);
    expect(await run()).toMatchObject({ crossed: 1n, ongoing: 0n, published: 1 });
    expect(await run()).toMatchObject({ crossed: 0n, ongoing: 0n, inactive: 1n, published: 0 });
    expect(await run({ asOf: asOf + DAY })).toMatchObject({ crossed: 0n, ongoing: 1n, published: 1 });
    expect(await run({ asOf: asOf + DAY + 1n })).toMatchObject({ crossed: 0n, ongoing: 0n });
    expect(await run({ asOf })).toMatchObject({ crossed: 0n, ongoing: 0n });
    expect(events().map((event) => event.phase)).toEqual(['CROSSED', 'ONGOING']);
    expect(new Set(ids()).size).toBe(2);
  });

  it('have no ONGOING if the refresh is off', async () => {
    await seen(asOf - 8n * DAY);
    await run({ refresh: 'off' });
    expect(await run({ asOf: asOf + DAY, refresh: 'off' })).toMatchObject({ crossed: 0n, ongoing: 0n });
  });

  it('start again with CROSSED after a return', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    await seen(asOf + DAY);
    expect(await run({ asOf: asOf + 9n * DAY })).toMatchObject({ crossed: 1n, ongoing: 0n });
  });

  it('are recorded per threshold', async () => {
    await seen(asOf - 15n * DAY);
    await run();
    expect(await run({ thresholds: [14] })).toMatchObject({ crossed: 1n });
  });
});

describe('emission', () => {
  it('repeats the same ids if a sweep was killed between publication and mark', async () => {
    await seen(asOf - 8n * DAY, asOf - 9n * DAY);
    const published: string[] = [];
    await expect(
      run({}, async (_topic, records) => {
        published.push(...records.map((record) => JSON.parse(String(record.value)).event_id));
        throw new Error('killed between publish and mark');
      }),
    ).rejects.toThrow('killed');
    expect(await run()).toMatchObject({ crossed: 0n, published: 2 });
    expect(ids()).toEqual(published);
  });

  it('runs in one sweep at a time: the second one fails with busy', async () => {
    await seen(asOf - 8n * DAY);
    await tryWithLock(db.database, 'sweep', async () => {
      await expect(run()).rejects.toMatchObject({ code: 'busy' });
    });
    expect(await run()).toMatchObject({ crossed: 1n });
  });

  it('stops at the limit; the next sweep emits the rest', async () => {
    await seen(...Array.from({ length: 5 }, () => asOf - 8n * DAY));
    expect(await run({ limit: 2 })).toMatchObject({ inactive: 5n, crossed: 2n });
    expect(await run({ limit: 2 })).toMatchObject({ crossed: 2n });
    expect(await run({})).toMatchObject({ crossed: 1n });
    expect(new Set(ids()).size).toBe(5);
  });

  it('has the facts of the decision in the value and CloudEvents attributes in the headers', async () => {
    await seen(asOf - 8n * DAY);
    const { runId } = await run();
    const [event] = events();
    expect(event).toMatchObject({
      phase: 'CROSSED',
      student_id: learner(0),
      user_id: 'u0',
      threshold_days: 7,
      days_inactive: 8,
      deciding_source: 'session',
      sweep_run_id: runId,
    });
    expect(sent[0]?.record.key).toBe(learner(0));
    expect(sent[0]?.record.headers).toMatchObject({ ce_id: event.event_id, ce_type: 'lastseen.inactivity.v1' });
  });
});

describe('races', () => {
  it('does not flag a learner whose return is committed while the sweep waits for the row', async () => {
    await seen(asOf - 8n * DAY, asOf - 8n * DAY);
    const returned = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const track = db.database.transaction(async (tx) => {
      const fold = createFold();
      fold.add({ studentId: learner(0), userId: 'u0', source: 'attempt', at: asOf - 1n });
      await raiseLastSeen(tx, fold.columns());
      locked.resolve();
      await returned.promise;
    });
    await locked.promise;
    const sweeping = run();
    await waitForLockWait();
    returned.resolve();
    await track;
    expect(await sweeping).toMatchObject({ crossed: 1n });
    expect(events().map((event) => event.user_id)).toEqual(['u1']);
  });
});

const waitForLockWait = () =>
  waitFor('a session waits for a lock', async () => {
    const { count } = await db.database.query({
      text: `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    });
    return count > 0;
  });

describe('returns', () => {
  /** The transaction of `track` when learner n is seen again. */
  const seenAgain = (n: number, at: bigint, committedAt = at) =>
    db.database.transaction(async (tx) => {
      const fold = createFold();
      fold.add({ studentId: learner(n), userId: `u${n}`, source: 'attempt', at }, committedAt);
      await raiseLastSeen(tx, fold.columns());
      return closeEpisodes(tx, fold.columns(), asOf);
    });

  it('are recorded once per episode, with its newest as-of', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    expect(await seenAgain(0, asOf - DAY)).toBe(1);
    expect(await seenAgain(0, asOf + 1n)).toBe(0);
    expect(await run({ asOf: asOf + 5n })).toMatchObject({ crossed: 0n, returned: 0n, published: 1 });
    expect(events().at(-1)).toMatchObject({
      phase: 'RETURNED',
      last_seen_at: String(asOf - 8n * DAY),
      as_of: String(asOf),
      deciding_source: 'attempt',
      sweep_run_id: null,
    });
  });

  it('have the commit time of the activity as their as-of if that is later', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    await seenAgain(0, asOf - DAY, asOf + 3n * DAY);
    await run({ asOf: asOf + 4n * DAY });
    expect(events().at(-1)).toMatchObject({ phase: 'RETURNED', as_of: String(asOf + 3n * DAY) });
  });

  it('are not recorded for an activity before the silence', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    expect(await seenAgain(0, asOf - 20n * DAY)).toBe(0);
  });

  it('are recorded if the activity waited for the sweep that recorded the episode', async () => {
    await seen(asOf - 8n * DAY);
    const recorded = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const sweeping = db.database.transaction(async (tx) => {
      await recordInactive(tx, plan, randomUUID(), asOf);
      recorded.resolve();
      await commit.promise;
    });
    await recorded.promise;
    const returning = seenAgain(0, asOf - DAY);
    await waitForLockWait();
    commit.resolve();
    await sweeping;
    expect(await returning).toBe(1);
  });

  it('that track did not see are recorded by the next sweep', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    await seen(asOf - DAY);
    expect(await run()).toMatchObject({ returned: 1n, crossed: 0n });
    expect(await run()).toMatchObject({ returned: 0n });
    expect(events().map((event) => event.phase)).toEqual(['CROSSED', 'RETURNED']);
  });

  it('are recorded once by four concurrent transactions', async () => {
    await seen(asOf - 8n * DAY);
    await run();
    const returns = await Promise.all(Array.from({ length: 4 }, (_, n) => seenAgain(0, asOf - DAY + BigInt(n))));
    expect(returns.reduce((sum, count) => sum + count, 0)).toBe(1);
  });
});

describe('a ladder', () => {
  const ladder = { thresholds: [7, 14, 21] };

  it('emits only the highest rung reached, and records the lower ones as passed', async () => {
    await seen(asOf - 8n * DAY, asOf - 15n * DAY, asOf - 22n * DAY);
    expect(await run(ladder)).toMatchObject({ crossed: 3n });
    expect(events().map((event) => event.threshold_days)).toEqual([7, 14, 21]);
    const { rows } = await db.database.query({
      text: 'SELECT threshold_days, passed FROM lastseen.episode WHERE student_id = $1 ORDER BY threshold_days',
      values: [learner(2)],
    });
    expect(rows).toEqual([
      { threshold_days: 7, passed: true },
      { threshold_days: 14, passed: true },
      { threshold_days: 21, passed: false },
    ]);
  });

  it('is climbed one rung at a time, with ONGOING in between', async () => {
    await seen(asOf - 7n * DAY);
    const phases: string[] = [];
    for (let day = 0n; day < 15n; day++) await run({ ...ladder, asOf: asOf + day * DAY });
    for (const event of events()) phases.push(`${event.phase} ${event.threshold_days}`);
    expect(phases).toEqual([
      'CROSSED 7',
      ...Array.from({ length: 6 }, () => 'ONGOING 7'),
      'CROSSED 14',
      ...Array.from({ length: 6 }, () => 'ONGOING 14'),
      'CROSSED 21',
    ]);
  });

  it('emits one return, of the highest rung', async () => {
    await seen(asOf - 22n * DAY);
    await run(ladder);
    await seen(asOf - DAY);
    expect(await run(ladder)).toMatchObject({ returned: 1n });
    expect(events().at(-1)).toMatchObject({ phase: 'RETURNED', threshold_days: 21 });
  });
});

describe('a dry run', () => {
  it('lists who would be flagged and writes nothing', async () => {
    await seen(asOf - 8n * DAY, asOf - DAY);
    const due: string[] = [];
    await eachDue(db.database, plan, async (found) => {
      due.push(...found.map(({ user_id, phase }) => `${user_id} ${phase}`));
    });
    expect(due).toEqual(['u0 CROSSED']);
    expect((await db.database.query({ text: 'SELECT FROM lastseen.episode' })).count).toBe(0);
  });
});

describe('the history', () => {
  it('has one row per run, and closes runs whose process exited', async () => {
    await db.database.query({
      text: `INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, started_at)
             VALUES (gen_random_uuid(), now(), '{7}', 30, 'running', now())`,
    });
    await seen(asOf - 8n * DAY);
    const { runId } = await run();
    const { rows } = await db.database.query({
      text: 'SELECT run_id, status, crossed, inactive, failure FROM lastseen.sweep_run ORDER BY status',
    });
    expect(rows).toEqual([
      { run_id: runId, status: 'completed', crossed: 1n, inactive: 1n, failure: null },
      expect.objectContaining({ status: 'failed', failure: 'process exited without recording a result' }),
    ]);
  });
});
