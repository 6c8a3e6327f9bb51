import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { eventId, type Phase } from '../../src/events/inactivity-decision.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { countCrossing, eachDue } from '../../src/sweep/episodes-store.ts';
import { sweep } from '../../src/sweep/pipeline.ts';
import { writeLearners } from '../../src/track/writing-pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clear());

const sql = <Row>(text: string, values: unknown[] = []) => db.database.query<Row>({ text, values });
const clear = () =>
  sql('TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run');

const DAY = MICROS_PER_DAY;
const asOf = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const learner = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as StudentId;

function run(at: Instant, plan: Partial<SweepPlan> = {}) {
  const relay = async () => 0;
  const deps = { database: db.database, newRunId: randomUUID, now: () => at, proveFresh: undefined, relay };
  const whole: SweepPlan = { asOf: at, thresholds: [7], lookbackDays: 60, refresh: 'daily', ...plan };
  return sweep({ ...deps, maxCrossedShare: 1 }, whole);
}

interface Seen {
  readonly n?: number;
  readonly at: Instant;
  readonly committedAt?: Instant;
  readonly userId?: string | null;
  readonly source?: Source;
}

const foldOf = ({ n = 0, at, committedAt = at, userId = `u${n}`, source = 'session' }: Seen) => {
  const fold = createFold();
  fold.add({ studentId: learner(n), userId, source, at }, committedAt);
  return fold.columns();
};

/** The transaction of `track`. */
const track = (seen: Seen) =>
  writeLearners(db.database, foldOf(seen), { mostRowsChange: false, now: () => seen.at }, async () => {});
/** As `replay` and `audit --repair` do. */
const raise = (seen: Seen) => db.database.transaction((tx) => raiseLastSeen(tx, foldOf(seen)));

interface EventRow extends Readonly<Record<`${Source}_at`, Instant | null>> {
  readonly phase: Phase;
  readonly student_id: StudentId;
  readonly threshold_days: number;
  readonly last_seen_at: Instant;
  readonly as_of: Instant;
  readonly reopenings: number;
}

const events = async () => (await sql<EventRow>('SELECT * FROM lastseen.inactivity_outbox ORDER BY seq')).rows;
const phases = async () => (await events()).map(({ phase }) => phase);
const idOf = (event: EventRow) =>
  eventId({
    phase: event.phase,
    studentId: event.student_id,
    thresholdDays: event.threshold_days,
    lastSeenAt: event.last_seen_at,
    asOf: event.as_of,
    reopenings: event.reopenings,
  });
const openEpisodes = async () => (await sql('SELECT FROM lastseen.episode WHERE returned_as_of IS NULL')).count;

/** The latest activity that the event names. */
const lastSeenOf = (event: EventRow): Instant =>
  SOURCES.map((source) => event[`${source}_at`] ?? 0n).reduce((a, b) => (a > b ? a : b));

describe('the as-of of a return', () => {
  it.each([
    ['ten minutes', 600_000_000n],
    ['less than the millisecond that Debezium cuts off', 400n],
  ])('is the activity itself if it lies after its commit by %s', async (_, skew) => {
    await track({ at: asOf - 8n * DAY });
    await run(asOf);
    await track({ at: asOf + DAY + skew, committedAt: asOf + DAY });
    expect((await events()).at(-1)).toMatchObject({ phase: 'RETURNED', as_of: asOf + DAY + skew });
  });

  it('is never before the newest as-of of any episode that it closes', async () => {
    await track({ at: asOf - 20n * DAY });
    await run(asOf, { thresholds: [14] });
    await run(asOf + 3n * DAY, { thresholds: [7] });
    await track({ at: asOf + DAY });
    expect((await events()).at(-1)).toMatchObject({ phase: 'RETURNED', as_of: asOf + 3n * DAY });
  });
});

const HOUR = DAY / 24n;
const STEP = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), hours: fc.bigInt(1n, 300n) }),
  fc.record({ do: fc.constant('sweep' as const), thresholds: fc.constantFrom([7], [14], [7, 14]) }),
  fc.record({
    do: fc.constantFrom('track' as const, 'raise' as const),
    n: fc.nat(1),
    delay: fc.bigInt(0n, 3_600_000_000n),
    skew: fc.oneof(fc.bigInt(-20n * DAY, 0n), fc.bigInt(-1_000n, 1_000n), fc.bigInt(0n, 600_000_000n)),
    source: fc.constantFrom(...SOURCES),
  }),
  fc.record({ do: fc.constant('set_back' as const), n: fc.nat(1), before: fc.integer({ min: 1, max: 2 }) }),
);

/** As `audit --repair --trust-source` and `replay --rebuild` do: the row becomes an earlier one. */
const setBack = (n: number, at: Instant) =>
  sql(
    `UPDATE lastseen.user_last_seen
     SET session_at = $2, exam_results_at = NULL, features_topic_daily_at = NULL, attempt_at = NULL
     WHERE student_id = $1`,
    [learner(n), formatInstant(at)],
  );

describe('the events of a learner', () => {
  it('have different ids, and an as-of that is never before the last seen they name or the event before', async () => {
    const property = fc.asyncProperty(fc.array(STEP, { minLength: 15, maxLength: 30 }), async (steps) => {
      await clear();
      let now = asOf;
      const seen = new Map<number, Instant[]>();
      for (const step of steps) {
        if (step.do === 'wait') now += step.hours * HOUR;
        else if (step.do === 'sweep') await run(now, { thresholds: step.thresholds });
        else if (step.do === 'set_back') {
          now += HOUR;
          const earlier = seen.get(step.n)?.at(-1 - step.before);
          if (earlier !== undefined) await setBack(step.n, earlier);
        } else {
          const committedAt = now - step.delay;
          const at = committedAt + step.skew;
          seen.set(step.n, [...(seen.get(step.n) ?? []), at]);
          await (step.do === 'track' ? track : raise)({ n: step.n, at, committedAt, source: step.source });
        }
      }
      await run(now);
      const written = await events();
      const before = new Map<string, EventRow>();
      for (const event of written) {
        expect(event.as_of).toBeGreaterThanOrEqual(lastSeenOf(event));
        const previous = before.get(event.student_id);
        expect(event.as_of).toBeGreaterThanOrEqual(previous?.as_of ?? 0n);
        if (event.phase === 'ONGOING') expect(['CROSSED', 'ONGOING']).toContain(previous?.phase);
        before.set(event.student_id, event);
      }
      expect(new Set(written.map(idOf)).size).toBe(written.length);
    });
    await fc.assert(property, { numRuns: 15 });
  }, 120_000);
});

describe('a closed silence that is set back', () => {
  const old = asOf - 10n * DAY;
  /** A wrong row (test traffic, a wrong clock) closed the silence; then it was taken back. */
  async function closedAndSetBack(): Promise<void> {
    await track({ at: old });
    await run(asOf);
    await track({ at: asOf + 1n, committedAt: asOf + 2n });
    await setBack(0, old);
  }

  it('reopens with CROSSED, continues with ONGOING, and is closed by the real return', async () => {
    await closedAndSetBack();
    await run(asOf + DAY);
    await run(asOf + 2n * DAY);
    await track({ at: asOf + 3n * DAY });
    await run(asOf + 4n * DAY);
    expect(await phases()).toEqual(['CROSSED', 'RETURNED', 'CROSSED', 'ONGOING', 'RETURNED']);
    expect((await events()).map(({ reopenings }) => reopenings)).toEqual([0, 0, 1, 1, 1]);
    expect(await openEpisodes()).toBe(0);
  });

  it('reopens on the date of its return, if ONGOING is off, and again', async () => {
    await closedAndSetBack();
    await run(asOf + HOUR, { refresh: 'off' });
    await run(asOf + DAY, { refresh: 'off' });
    await track({ at: asOf + DAY + 1n });
    await setBack(0, old);
    await run(asOf + 2n * DAY, { refresh: 'off' });
    expect(await phases()).toEqual(['CROSSED', 'RETURNED', 'CROSSED', 'RETURNED', 'CROSSED']);
    expect((await events()).at(-1)).toMatchObject({ reopenings: 2 });
  });

  it('does not reopen in a sweep of an instant before its return', async () => {
    await closedAndSetBack();
    expect(await run(asOf)).toMatchObject({ crossed: 0n, ongoing: 0n });
    expect(await phases()).toEqual(['CROSSED', 'RETURNED']);
  });

  it('is shown by a dry run as CROSSED, and counts towards a hold', async () => {
    await closedAndSetBack();
    const plan: SweepPlan = { asOf: asOf + DAY, thresholds: [7], lookbackDays: 60, refresh: 'daily' };
    const due: string[] = [];
    await eachDue(db.database, plan, async (found) => void due.push(...found.map(({ phase }) => phase)));
    expect(due).toEqual(['CROSSED']);
    expect(await countCrossing(db.database, plan)).toEqual(new Map([[7, 1n]]));
  });

  it('reopens at the highest threshold reached, with one return', async () => {
    await track({ at: old });
    await run(asOf, { thresholds: [7, 14] });
    await track({ at: asOf + 1n });
    await setBack(0, old);
    await run(asOf + DAY, { thresholds: [7, 14] });
    await run(asOf + 5n * DAY, { thresholds: [7, 14] });
    await track({ at: asOf + 6n * DAY });
    const described = (await events()).map((event) => `${event.phase} ${event.threshold_days} ${event.reopenings}`);
    expect(described).toEqual(['CROSSED 7 0', 'RETURNED 7 0', 'CROSSED 7 1', 'CROSSED 14 0', 'RETURNED 14 0']);
  });
});

describe('a row of the empty user_id, which is no learner', () => {
  it('is neither flagged nor counted, and its return emits nothing', async () => {
    // Earlier releases wrote such rows.
    await track({ at: asOf - 8n * DAY, userId: '' });
    expect(await run(asOf)).toMatchObject({ active: 0n, inactive: 0n, unresolved: 0n, crossed: 0n });
    await sql(
      `INSERT INTO lastseen.episode
         (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
       VALUES ($1, 7, $2, gen_random_uuid(), $3, $3, '2026-03-16')`,
      [learner(0), formatInstant(asOf - 8n * DAY), formatInstant(asOf)],
    );
    await track({ at: asOf + DAY, userId: '' });
    expect(await phases()).toEqual([]);
    expect(await openEpisodes()).toBe(0);
  });
});

describe('the return of a learner without a name', () => {
  /** A learner whose row lost its name while an episode is open, as after `audit --repair --trust-source`. */
  async function nameless(n: number): Promise<void> {
    await track({ n, at: asOf - 8n * DAY, source: 'attempt' });
    await run(asOf);
    await sql('UPDATE lastseen.user_last_seen SET user_id = NULL WHERE student_id = $1', [learner(n)]);
  }

  it('closes the episode without an event, and the others of the flush return', async () => {
    await track({ n: 1, at: asOf - 8n * DAY });
    await nameless(0);
    const fold = createFold();
    fold.add({ studentId: learner(0), userId: null, source: 'attempt', at: asOf }, asOf);
    fold.add({ studentId: learner(1), userId: 'u1', source: 'session', at: asOf }, asOf);
    const writes = { mostRowsChange: false, now: () => asOf };
    expect((await writeLearners(db.database, fold.columns(), writes, async () => {}))[0]).toMatchObject({
      returned: 1,
    });
    expect(await phases()).toEqual(['CROSSED', 'CROSSED', 'RETURNED']);
    expect(await openEpisodes()).toBe(0);
  });

  it('closes the episode without an event in a sweep', async () => {
    await nameless(0);
    await raise({ at: asOf, userId: null, source: 'attempt' });
    expect(await run(asOf + DAY)).toMatchObject({ status: 'completed', returned: 0n });
    expect(await phases()).toEqual(['CROSSED']);
    expect(await openEpisodes()).toBe(0);
  });
});
