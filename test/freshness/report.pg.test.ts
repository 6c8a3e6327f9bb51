import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/activity/source.ts';
import { recordCaptureLook } from '../../src/freshness/capture-evidence-pipeline.ts';
import type { FreshnessDeps } from '../../src/freshness/pipeline.ts';
import { reportFreshness } from '../../src/freshness/report-pipeline.ts';
import type { EndPosition } from '../../src/kafka/admin/offsets.ts';
import { recordProgress } from '../../src/last-seen/progress-store.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { type ConnectorSlot, connectorSlot } from '../support/connector-slot.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
let slot: ConnectorSlot;
const session = 'p.public.session';
const attempt = 'p.public.attempt';
const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });

beforeAll(async () => {
  db = await freshDatabase();
  slot = connectorSlot(db.database, db.url);
  await sql('CREATE PUBLICATION pub FOR TABLE session, attempt');
  await sql('CREATE PUBLICATION half FOR TABLE session');
});
afterAll(() => db.close());
beforeEach(async () => {
  await sql('TRUNCATE lastseen.track_progress');
  await slot.create();
});
afterEach(() => slot.drop());

const end = (topic: string, nextOffset: bigint): EndPosition => ({
  topic,
  partition: 0,
  nextOffset,
  stableOffset: nextOffset,
});
const apply = (topic: string, nextOffset: bigint) =>
  recordProgress(db.database, [{ ...end(topic, nextOffset), newestCommitAt: null }]);

/** Runs one step of `meanwhile` in each pause; the wait is over after the last. */
function report(changes: Partial<FreshnessDeps>, meanwhile: (() => Promise<unknown>)[] = [], asOf = 0n) {
  const steps = [...meanwhile];
  const deps: FreshnessDeps = {
    database: db.database,
    slotDatabase: db.database,
    sources: new Map<string, Source>([
      [session, 'session'],
      [attempt, 'attempt'],
    ]),
    slot: slot.name,
    proof: 'slot',
    publication: 'pub',
    maxUnreadableLetters: 0,
    waitMs: 60_000,
    readEnds: async () => [end(session, 3n), end(attempt, 2n)],
    now: () => 0n,
    pause: async () => {
      const step = steps.shift();
      await step?.();
      return step !== undefined;
    },
    ...changes,
  };
  return reportFreshness(deps, asOf);
}
const clock = async () => (await sql('SELECT clock_timestamp() AS at')).rows[0]?.['at'] as bigint;

describe('a report of freshness', () => {
  it('proves every source up to the clock of the source when the position was read', async () => {
    const before = await clock();
    const asked: bigint[] = [];
    const applied = async () => {
      asked.push(await clock());
      await apply(session, 3n);
      await apply(attempt, 2n);
    };
    const { sources } = await report({}, [slot.deliver, applied]);
    expect(sources.map(({ source, proof }) => [source, proof.kind])).toEqual([
      ['session', 'proven'],
      ['attempt', 'proven'],
    ]);
    for (const { proof } of sources) {
      const until = proof.kind === 'proven' ? proof.until : 0n;
      expect(until).toBeGreaterThanOrEqual(before);
      expect(until).toBeLessThan(asked[0] ?? 0n);
    }
  });

  it('waits for one source although another is broken', async () => {
    const { sources } = await report({ publication: 'half' }, [slot.deliver, () => apply(session, 3n)]);
    expect(sources).toMatchObject([
      { source: 'session', proof: { kind: 'proven', records: 3n } },
      {
        source: 'attempt',
        proof: { kind: 'broken', missing: [expect.stringMatching(/table attempt is not in publication half/)] },
      },
    ]);
  });

  it('ends without waiting if waiting helps no source', async () => {
    let pauses = 0;
    const pause = async () => {
      pauses += 1;
      return true;
    };
    const { sources } = await report({ slot: 'another', pause });
    for (const { proof } of sources) {
      expect(proof).toEqual({
        kind: 'broken',
        missing: [expect.stringMatching(/^there is no logical .* slot another/)],
      });
    }
    expect(pauses).toBe(0);
  });

  it('looks once without a wait, and names the slot that has not passed', async () => {
    await sql(`SELECT pg_logical_emit_message(true, 'change', '')`);
    const { sources } = await report({ waitMs: 0, pause: () => Promise.reject(new Error('paused')) });
    for (const { proof } of sources) {
      expect(proof).toEqual({ kind: 'behind', missing: [expect.stringMatching(/the connector has not delivered/)] });
    }
  });

  it('waits through an outage, and until the clock of the source has reached the as-of', async () => {
    let outages = 1;
    const readEnds = async () => {
      outages -= 1;
      if (outages >= 0) throw new LastseenError('kafka_unavailable', 'Kafka is not available', { retriable: true });
      return [end(session, 0n), end(attempt, 0n)];
    };
    expect((await report({ readEnds }, [slot.deliver])).sources[0]?.proof).toEqual({
      kind: 'behind',
      missing: ['Kafka is not available'],
    });
    outages = 1;
    expect((await report({ readEnds }, [slot.deliver, async () => {}])).sources[0]?.proof.kind).toBe('proven');
    const future = (await clock()) + 3_600_000_000n;
    expect((await report({}, [], future)).sources[0]?.proof).toMatchObject({
      kind: 'behind',
      missing: [expect.stringMatching(/clock has not reached/)],
    });
  });

  it('names a break of capture since the last look of another process, and does not record it', async () => {
    const names = { sources: new Map<string, Source>([[session, 'session']]), slot: slot.name, publication: 'half' };
    await recordCaptureLook({
      database: db.database,
      slotDatabase: db.database,
      proof: 'slot',
      now: () => 0n,
      ...names,
    });
    await sql('DROP PUBLICATION half');
    await sql('CREATE PUBLICATION half FOR TABLE session');
    try {
      const { sources } = await report(names, [slot.deliver, () => apply(session, 3n)]);
      expect(sources[0]?.proof).toEqual({ kind: 'broken', missing: [expect.stringContaining('publication half')] });
      expect((await sql('SELECT FROM lastseen.capture_break')).count).toBe(0);
    } finally {
      await sql('TRUNCATE lastseen.capture_evidence, lastseen.capture_break');
    }
  });

  it('judges a source again that was proven in an earlier look', async () => {
    await apply(session, 3n);
    const lose = () =>
      sql(`INSERT INTO lastseen.track_gap (topic, partition, kind, from_offset, to_offset, found_at)
        VALUES ('${session}', 0, 'lost', 0, 1, now())`);
    const { sources } = await report({}, [slot.deliver, lose]);
    await sql('TRUNCATE lastseen.track_gap');
    expect(sources[0]?.proof.kind).toBe('broken');
  });
});
