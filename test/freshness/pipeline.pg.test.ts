import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Source } from '../../src/activity/source.ts';
import { type FreshnessDeps, proveApplied, proveFresh } from '../../src/freshness/pipeline.ts';
import { currentPosition, readSlotState } from '../../src/freshness/replication-store.ts';
import { watchFreshness } from '../../src/freshness/watch-pipeline.ts';
import type { EndPosition } from '../../src/kafka/admin/offsets.ts';
import { recordProgress } from '../../src/last-seen/progress-store.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { must } from '../../src/runtime/must.ts';
import { type ConnectorSlot, connectorSlot, streamSlot } from '../support/connector-slot.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
let slot: ConnectorSlot;
const topic = 'p.public.session';
const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });

beforeAll(async () => {
  db = await freshDatabase();
  slot = connectorSlot(db.database, db.url);
  await sql('CREATE PUBLICATION pub FOR TABLE session, attempt');
});
afterAll(() => db.close());
beforeEach(async () => {
  await sql('TRUNCATE lastseen.track_progress, lastseen.audit_run, session');
  await slot.create();
});
afterEach(() => slot.drop());

async function insertLsn(): Promise<unknown> {
  return (await sql('SELECT pg_current_wal_insert_lsn()::text AS lsn')).rows[0]?.['lsn'];
}

const end = (nextOffset: bigint): EndPosition => ({ topic, partition: 0, nextOffset, stableOffset: nextOffset });
const apply = (nextOffset: bigint) => recordProgress(db.database, [{ ...end(nextOffset), newestCommitAt: null }]);

/** Runs one step of `meanwhile` in each pause, and shuts down after the last. */
function deps(changes: Partial<FreshnessDeps>, meanwhile: (() => Promise<unknown>)[] = []): FreshnessDeps {
  const steps = [...meanwhile];
  return {
    database: db.database,
    slotDatabase: db.database,
    sources: new Map<string, Source>([[topic, 'session']]),
    slot: slot.name,
    publication: 'pub',
    proof: 'slot',
    maxUnreadableLetters: 0,
    waitMs: 60_000,
    readEnds: async () => [end(0n)],
    now: () => 0n,
    pause: async () => {
      const step = steps.shift();
      await step?.();
      return step !== undefined;
    },
    ...changes,
  };
}
const prove = (changes: Partial<FreshnessDeps>, meanwhile: (() => Promise<unknown>)[] = [], asOf = 0n) =>
  proveFresh(deps(changes, meanwhile), asOf);

describe('a proof of freshness', () => {
  it('succeeds if the slot has passed the position and the progress has reached the ends', async () => {
    await expect(prove({ readEnds: async () => [end(3n)] }, [slot.deliver, () => apply(3n)])).resolves.toEqual(
      new Map([['session', 3n]]),
    );
  });

  it('fails while a dead letter names no readable learner, which an audit does not ask for', async () => {
    await db.database.query({
      text: `INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail)
        VALUES ('${topic}', 0, 1, 0, 'not_decodable', 'decode', '')`,
    });
    const readEnds = async () => [end(3n)];
    await slot.deliver();
    await apply(3n);
    await expect(prove({ readEnds }, [slot.deliver])).rejects.toThrow(/dead letters name no readable learner \(1;/);
    await expect(prove({ readEnds, maxUnreadableLetters: 1 }, [slot.deliver])).resolves.toBeDefined();
    await expect(proveApplied(deps({ readEnds }, [slot.deliver, slot.deliver]))).resolves.toBeUndefined();
    await db.database.query({ text: 'TRUNCATE lastseen.dead_letter' });
  });

  it('fails after an audit that left drift which no dead letter explains', async () => {
    await db.database.query({
      text: `
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, snapshot_at, drifting, started_at, finished_at)
VALUES (md5('r')::uuid, 'drift', '{session}', 'none', now(), 2, now(), now());
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id, drift_run_id)
VALUES ('${topic}', 0, 1, 0, 'missing_column', 'activity', '', md5('a')::uuid, md5('r')::uuid)`,
    });
    const readEnds = async () => [end(3n)];
    await apply(3n);
    await expect(prove({ readEnds }, [slot.deliver])).rejects.toThrow(/left 1 learner missing or behind/);
    await expect(proveApplied(deps({ readEnds }, [slot.deliver, slot.deliver]))).resolves.toBeUndefined();
    await db.database.query({ text: 'UPDATE lastseen.audit_run SET drifting = 1' });
    await expect(prove({ readEnds }, [slot.deliver, slot.deliver])).resolves.toBeDefined();
    // Discarded: the learner's drift is no longer explained.
    await db.database.query({ text: `UPDATE lastseen.dead_letter SET closed_at = now(), closed_by = 'discarded'` });
    await expect(prove({ readEnds }, [slot.deliver, slot.deliver])).rejects.toThrow(/left 1 learner missing or behind/);
    await db.database.query({ text: 'TRUNCATE lastseen.dead_letter, lastseen.audit_run' });
  });

  it('waits for the ends that were read once, not for later records', async () => {
    let ends = 3n;
    const grows = async () => {
      ends += 100n;
    };
    const readEnds = async () => [end(ends)];
    await expect(prove({ readEnds }, [slot.deliver, grows, () => apply(3n)])).resolves.toEqual(
      new Map([['session', 3n]]),
    );
  });

  it('does not read the ends before the slot has passed the position', async () => {
    const readEnds = () => Promise.reject(new Error('too early'));
    await expect(prove({ readEnds })).rejects.toMatchObject({
      code: 'not_fresh',
      message: expect.stringMatching(/bytes behind/),
    });
  });

  it('fails without the slot', async () => {
    await expect(prove({ slot: 'another' })).rejects.toMatchObject({
      code: 'not_fresh',
      message: expect.stringMatching(/slot another/),
    });
  });

  it('fails while the source’s clock is before the as-of', async () => {
    const ahead = BigInt(Date.now() + 3_600_000) * 1000n;
    await slot.deliver();
    await expect(prove({}, [], ahead)).rejects.toMatchObject({ message: expect.stringMatching(/clock/) });
  });

  it('waits through an outage of Kafka, and fails if it lasts too long', async () => {
    let outages = 2;
    const readEnds = async () => {
      outages -= 1;
      if (outages >= 0) throw new LastseenError('kafka_unavailable', 'Kafka is not available', { retriable: true });
      return [end(0n)];
    };
    const still = async () => {};
    await expect(prove({ readEnds }, [slot.deliver, still])).rejects.toMatchObject({
      message: expect.stringMatching(/Kafka is not available/),
    });
    await expect(prove({ readEnds }, [slot.deliver, still])).resolves.toEqual(new Map([['session', 0n]]));
  });

  it('fails at the deadline and on a shutdown', async () => {
    let now = 0n;
    const later = () => {
      now += 1_000_000n;
      return now;
    };
    const endless = { now: later, waitMs: 5_000, pause: async () => true };
    await expect(prove(endless)).rejects.toMatchObject({ code: 'not_fresh' });
    await expect(prove({ pause: async () => false })).rejects.toMatchObject({ code: 'not_fresh' });
  });

  it('fails if a table has rows, but its topic never had a record', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('s', 'u', now())`);
    await expect(prove({}, [slot.deliver])).rejects.toMatchObject({
      message: expect.stringMatching(/its snapshot was not taken/),
    });
  });

  it('ignores such rows if the newest audit of the source left no drift', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('s', 'u', now())`);
    const audited = (status: string) =>
      sql(
        `INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at)
         VALUES (gen_random_uuid(), $1, '{session}', 'missing', clock_timestamp())`,
        [status],
      );
    await audited('repaired');
    await expect(prove({}, [slot.deliver])).resolves.toEqual(new Map([['session', 0n]]));
    await audited('drift');
    await expect(prove({}, [slot.deliver])).rejects.toMatchObject({ code: 'not_fresh' });
  });

  it('for an audit checks only the slot and the progress', async () => {
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('s', 'u', now())`);
    await expect(proveApplied(deps({}, [slot.deliver]))).resolves.toBeUndefined();
    const behind = deps({ readEnds: async () => [end(3n)] }, [slot.deliver]);
    await expect(proveApplied(behind)).rejects.toMatchObject({
      message: expect.stringMatching(/no progress is recorded below 3/),
    });
  });

  it('fails if the connector leaves out a table, or if its settings cannot be read', async () => {
    const filters = { 'table.include.list': 'public.attempt' };
    const readConnectors = async () => [{ name: 'c', topicPrefix: 'p', slotName: slot.name, filters, parts: [] }];
    await expect(prove({ readConnectors }, [slot.deliver])).rejects.toMatchObject({
      message: expect.stringMatching(/session: connector c does not capture public.session/),
    });
    await expect(proveApplied(deps({ readConnectors }, [slot.deliver]))).resolves.toBeUndefined();
    const down = () => Promise.reject(new Error('Kafka Connect does not answer'));
    await expect(prove({ readConnectors: down }, [slot.deliver])).rejects.toMatchObject({
      message: expect.stringMatching(/settings are unknown: Kafka Connect does not answer/),
    });
  });

  it('fails if updates of a table are not published', async () => {
    await sql(`CREATE PUBLICATION inserts FOR TABLE session WITH (publish = 'insert')`);
    await expect(prove({ publication: 'inserts' }, [slot.deliver])).rejects.toMatchObject({
      message: expect.stringMatching(/does not publish update/),
    });
  });
});

describe('the position to prove', () => {
  it('is past each commit that is visible, also if commits do not wait until they are written', async () => {
    let before = 0;
    for (let n = 0; n < 20; n++) {
      await db.database.transaction(async (tx) => {
        await tx.query({ text: 'SET LOCAL synchronous_commit = off' });
        await tx.query({
          text: `INSERT INTO session (id, user_id, started_at) VALUES ($1, 'u', now())`,
          values: [`l${n}`],
        });
      });
      const { rows } = await sql('SELECT pg_current_wal_insert_lsn()::text AS "committed"');
      const position = await currentPosition(db.database, 0n);
      const { count } = await sql('SELECT WHERE $1::pg_lsn < $2::pg_lsn', [position, rows[0]?.['committed']]);
      before += count;
    }
    expect(before).toBe(0);
  });
});

describe('a connector that is connected but does not move', () => {
  const isActive = (active: boolean) =>
    vi.waitUntil(
      async () =>
        (await sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active = $2', [slot.name, active]))
          .count > 0,
      { timeout: 10_000 },
    );
  const idle = /idle source: set heartbeat.action.query/;
  const proofAfter = async (seconds: bigint) => {
    let now = 0n;
    const later = async () => {
      now += seconds * 1_000_000n;
      return true;
    };
    const error = await proveFresh(
      deps({ now: () => now, pause: later, waitMs: 2 * Number(seconds) * 1000 }),
      0n,
    ).catch((each: unknown) => each);
    return (error as Error).message;
  };

  it('is an idle source after 30 seconds', async () => {
    const endStreaming = await streamSlot(db.url, slot.name, 'pub');
    try {
      await isActive(true);
      expect(await proofAfter(31n)).toMatch(idle);
      expect(await proofAfter(1n)).not.toMatch(idle);
    } finally {
      await endStreaming();
      await isActive(false);
    }
  });

  it('is not named idle while it is not connected', async () => {
    expect(await proofAfter(31n)).not.toMatch(idle);
  });
});

describe('the state of the slot', () => {
  it('says whether a standby that could be promoted keeps it', async () => {
    const state = async () => must(await readSlotState(db.database, slot.name), 'the slot exists');
    expect(await state()).toMatchObject({ invalidationReason: null, failover: false, walStatus: 'reserved' });
    const standby = `standby_${slot.name}`;
    await sql('SELECT pg_create_physical_replication_slot($1)', [standby]);
    expect(await state()).toMatchObject({ hasStandby: true });
    await sql('SELECT pg_drop_replication_slot($1)', [slot.name]);
    await sql(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', failover => true)`, [slot.name]);
    expect(await state()).toMatchObject({ failover: true });
    await sql('SELECT pg_drop_replication_slot($1)', [standby]);
  });

  it('falls behind the source while the connector is stopped', async () => {
    const behind = async () => must(await readSlotState(db.database, slot.name), 'the slot exists').behindBytes;
    const before = await behind();
    await sql(`SELECT pg_logical_emit_message(true, 'load', repeat('x', 10000))`);
    expect(await behind()).toBeGreaterThan(before + 10_000n);
    const sent = await insertLsn();
    await slot.deliver();
    // Other databases of the server write as well, so the slot is only ahead of what was sent before.
    const { rows } = await sql('SELECT pg_current_wal_insert_lsn() - $1::pg_lsn AS since', [sent]);
    expect(await behind()).toBeLessThan(BigInt(String(rows[0]?.['since'])) + 10_000n);
  });
});

describe('the watch', () => {
  const other = 'p.public.attempt';
  let now = 0n;
  let ends: EndPosition[];
  const watch = () =>
    watchFreshness({
      database: db.database,
      slotDatabase: db.database,
      sources: new Map<string, Source>([
        [topic, 'session'],
        [other, 'attempt'],
      ]),
      slot: slot.name,
      publication: 'pub',
      proof: 'slot',
      maxUnreadableLetters: 0,
      readEnds: async () => ends,
      now: () => now,
    });
  beforeEach(() => {
    now = 1n;
    ends = [end(3n), { topic: other, partition: 0, nextOffset: 5n, stableOffset: 5n }];
  });

  it('proves no source while the slot is behind, and then each source that is applied', async () => {
    const look = watch();
    expect((await look()).map(({ provenAt }) => provenAt)).toEqual([undefined, undefined]);
    await slot.deliver();
    await apply(3n);
    now = 2n;
    expect(await look()).toEqual([
      { source: 'session', provenAt: 1n, behindRecords: 0n, hiddenRecords: 0n },
      { source: 'attempt', provenAt: undefined, behindRecords: 5n, hiddenRecords: 0n },
    ]);
  });

  it('continues to prove the sources that keep up if one does not', async () => {
    const look = watch();
    await look();
    await slot.deliver();
    await apply(3n);
    now = 2n;
    await look();
    now = 40_000_000n;
    await look();
    await slot.deliver();
    const states = await look();
    expect(states.map(({ provenAt }) => provenAt)).toEqual([40_000_000n, undefined]);
  });

  it('takes a new position as soon as all sources have reached the current one', async () => {
    ends = [end(3n), { topic: other, partition: 0, nextOffset: 0n, stableOffset: 0n }];
    const look = watch();
    await recordProgress(db.database, [{ topic: other, partition: 0, nextOffset: 0n, newestCommitAt: null }]);
    await apply(3n);
    for (const at of [1n, 7n, 9n]) {
      now = at;
      await look();
      await slot.deliver();
      now = at + 1n;
      expect((await look()).map(({ provenAt }) => provenAt)).toEqual([at, at]);
    }
  });

  it('fails without a slot', async () => {
    const nowhere = watchFreshness({
      database: db.database,
      slotDatabase: db.database,
      sources: new Map(),
      slot: 'another',
      publication: 'pub',
      proof: 'slot',
      maxUnreadableLetters: 0,
      readEnds: async () => [],
      now: () => 0n,
    });
    await expect(nowhere()).rejects.toMatchObject({ code: 'not_fresh' });
  });
});
