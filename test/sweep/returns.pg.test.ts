import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
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
  readonly phase: string;
  readonly student_id: string;
  readonly last_seen_at: Instant;
  readonly as_of: Instant;
}

const events = async () => (await sql<EventRow>('SELECT * FROM lastseen.inactivity_outbox ORDER BY seq')).rows;
const phases = async () => (await events()).map(({ phase }) => phase);
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
  fc.record({ do: fc.constant('wait' as const), hours: fc.bigInt(1n, 240n) }),
  fc.record({ do: fc.constant('sweep' as const), thresholds: fc.constantFrom([7], [14], [7, 14]) }),
  fc.record({
    do: fc.constantFrom('track' as const, 'raise' as const),
    n: fc.nat(2),
    delay: fc.bigInt(0n, 3_600_000_000n),
    skew: fc.oneof(fc.bigInt(-20n * DAY, 0n), fc.bigInt(-1_000n, 1_000n), fc.bigInt(0n, 600_000_000n)),
    source: fc.constantFrom(...SOURCES),
  }),
);

describe('the as-of of an event of any phase', () => {
  it('is never before the last seen that it names, nor before the learner’s event before it', async () => {
    const property = fc.asyncProperty(fc.array(STEP, { minLength: 8, maxLength: 20 }), async (steps) => {
      await clear();
      let now = asOf;
      for (const step of steps) {
        if (step.do === 'wait') now += step.hours * HOUR;
        else if (step.do === 'sweep') await run(now, { thresholds: step.thresholds });
        else {
          const committedAt = now - step.delay;
          const seen = { n: step.n, at: committedAt + step.skew, committedAt, source: step.source };
          await (step.do === 'track' ? track(seen) : raise(seen));
        }
      }
      await run(now);
      const newest = new Map<string, Instant>();
      for (const event of await events()) {
        expect(event.as_of).toBeGreaterThanOrEqual(lastSeenOf(event));
        expect(event.as_of).toBeGreaterThanOrEqual(newest.get(event.student_id) ?? 0n);
        newest.set(event.student_id, event.as_of);
      }
    });
    await fc.assert(property, { numRuns: 30 });
  }, 120_000);
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
