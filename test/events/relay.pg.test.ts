import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requireOwnEvents } from '../../src/events/installation.ts';
import { readOutboxState } from '../../src/events/outbox-store.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../../src/events/outboxes.ts';
import { createRelay } from '../../src/events/relay-pipeline.ts';
import type { OutgoingRecord } from '../../src/kafka/client/records.ts';
import { tryWithLock } from '../../src/postgres/locks.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { INSTALLATION } from '../support/installation.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  batches.length = 0;
  await db.database.query({ text: 'TRUNCATE lastseen.inactivity_outbox, lastseen.kpi_ledger' });
});

const EVENTS = 600;
const COUNT = [EVENTS];
const OUTBOXES = {
  inactivity: {
    outbox: INACTIVITY_OUTBOX,
    insert: `
INSERT INTO lastseen.inactivity_outbox
  (phase, student_id, user_id, threshold_days, last_seen_at, session_at, as_of, detected_at)
SELECT 'CROSSED', md5(n::text)::uuid, 'u' || n, 7, timestamptz '2026-03-01Z', timestamptz '2026-03-01Z',
  timestamptz '2026-03-16Z', now() - interval '1 minute'
FROM generate_series(1, $1::int) n`,
  },
  kpi_updated: {
    outbox: KPI_UPDATED_OUTBOX,
    insert: `
INSERT INTO lastseen.kpi_ledger (cause_event_id, user_id, week_start, as_of, computed, p, row_created, recorded_at)
SELECT md5(n::text)::uuid, 'u' || n, '2026-03-16', timestamptz '2026-03-16Z', 'ALL', 0.5, true, now() - interval '1 minute'
FROM generate_series(1, $1::int) n`,
  },
};

/** The values of each batch that was sent. */
const batches: string[][] = [];
const send = async (_topic: string, records: readonly OutgoingRecord[]) => {
  batches.push(records.map(({ value }) => String(value)));
};
const encode = (event: { readonly user_id: string }) => Buffer.from(event.user_id);

/** The newest record of a topic, of this installation. */
const newestOf = (installation: string) => ({
  key: null,
  value: null,
  timestamp: '0',
  offset: '0',
  headers: { ce_installation: installation },
});

describe.each(['inactivity', 'kpi_updated'] as const)('the relay of the outbox %s', (name) => {
  const { outbox, insert } = OUTBOXES[name];
  const relayWith = (producer: { send: typeof send }) => {
    const deps = { database: db.database, producer, topic: 'events', encode, installation: INSTALLATION };
    return outbox.name === 'inactivity' ? createRelay(INACTIVITY_OUTBOX, deps) : createRelay(KPI_UPDATED_OUTBOX, deps);
  };
  beforeEach(async () => {
    await db.database.query({ text: insert, values: COUNT });
  });

  it('publishes all events once, in batches, in the order in which they were recorded', async () => {
    const waiting = await readOutboxState(db.database, outbox);
    expect(waiting.waiting).toBe(BigInt(EVENTS));
    expect(waiting.oldestSeconds).toBeGreaterThanOrEqual(60);
    expect(await relayWith({ send })()).toBe(EVENTS);
    expect(batches.map(({ length }) => length)).toEqual([250, 250, 100]);
    expect(batches.flat()).toEqual(Array.from({ length: EVENTS }, (_, n) => `u${n + 1}`));
    expect(await readOutboxState(db.database, outbox)).toEqual({ waiting: 0n, oldestSeconds: 0 });
    expect(await relayWith({ send })()).toBe(0);
  });

  it('marks events with the installation, and publishes none to a topic of another one', async () => {
    let marks: unknown[] = [];
    const keepMarks = async (_topic: string, records: readonly OutgoingRecord[]) => {
      marks = records.map(({ headers }) => headers?.['ce_installation']);
    };
    const refused = {
      id: INSTALLATION.id,
      requireOwnTopic: async () => requireOwnEvents('events', newestOf('b'), 'a'),
    };
    const deps = { database: db.database, producer: { send: keepMarks }, topic: 'events', encode };
    const relayAs = (installation: typeof refused) =>
      outbox.name === 'inactivity'
        ? createRelay(INACTIVITY_OUTBOX, { ...deps, installation })
        : createRelay(KPI_UPDATED_OUTBOX, { ...deps, installation });
    await expect(relayAs(refused)()).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('the newest event in events is of installation b, not of a: set OWN_PREFIX'),
    });
    expect(marks).toEqual([]);
    await relayAs({ ...refused, requireOwnTopic: async () => requireOwnEvents('events', newestOf('a'), 'a') })();
    expect(new Set(marks)).toEqual(new Set([INSTALLATION.id]));
  });

  it('publishes a batch again if it was not acknowledged', async () => {
    let left = 1;
    const failing = async (topic: string, records: readonly OutgoingRecord[]) => {
      if (left-- === 0) throw new Error('not acknowledged');
      await send(topic, records);
    };
    await expect(relayWith({ send: failing })()).rejects.toThrow('not acknowledged');
    expect(await relayWith({ send })()).toBe(EVENTS - 250);
    expect(batches.flat()).toHaveLength(EVENTS);
  });

  it('publishes nothing while another process has the lock', async () => {
    const published = await tryWithLock(db.database, outbox.lock, async () => [await relayWith({ send })()]);
    expect(published).toEqual([undefined]);
    expect(batches).toEqual([]);
  });
});
