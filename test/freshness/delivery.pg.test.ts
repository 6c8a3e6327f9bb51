import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/activity/source.ts';
import { recordCaptureLook } from '../../src/freshness/capture-evidence-pipeline.ts';
import type { CommittedOffset } from '../../src/freshness/connect-offset.ts';
import { type FreshnessDeps, proveFresh } from '../../src/freshness/pipeline.ts';
import { currentPosition } from '../../src/freshness/replication-store.ts';
import { watchFreshness } from '../../src/freshness/watch-pipeline.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

const topic = 'p.public.session';
let db: FreshDatabase;
let offset: CommittedOffset;

beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({ text: 'CREATE PUBLICATION pub FOR TABLE session' });
});
afterAll(() => db.close());
beforeEach(() => {
  offset = { connector: 'c', state: 'RUNNING', hasTasks: true, isSnapshot: false, lsn: 1n, newestAt: undefined };
});
afterEach(() => db.database.query({ text: 'TRUNCATE lastseen.capture_evidence, lastseen.capture_break' }));

const position = async () => parseLsn(must(await currentPosition(db.database, 0n), 'the clock is after 1970'));
/** Kafka Connect commits the offset of a transaction that follows. */
async function deliver(): Promise<void> {
  const before = await position();
  await db.database.query({ text: `SELECT pg_logical_emit_message(true, 'heartbeat', '')` });
  offset = { ...offset, lsn: before + 1n };
}

/** There is no slot. */
function deps(changes: Partial<FreshnessDeps>, meanwhile: (() => Promise<unknown>)[] = []): FreshnessDeps {
  const steps = [...meanwhile];
  return {
    database: db.database,
    slotDatabase: db.database,
    sources: new Map<string, Source>([[topic, 'session']]),
    slot: 'none',
    proof: 'connect',
    readOffset: async () => offset,
    publication: 'pub',
    maxUnreadableLetters: 0,
    waitMs: 60_000,
    readEnds: async () => [{ topic, partition: 0, nextOffset: 0n, stableOffset: 0n }],
    now: () => 0n,
    async pause() {
      const step = steps.shift();
      await step?.();
      return step !== undefined;
    },
    ...changes,
  };
}

const change = (changes: Partial<CommittedOffset>) => async () => {
  offset = { ...offset, ...changes };
};

describe('with FRESHNESS_PROOF=connect', () => {
  it('the committed offset is a proof without a slot, once it has passed the position', async () => {
    await expect(proveFresh(deps({}), 0n)).rejects.toMatchObject({
      code: 'not_fresh',
      message: expect.stringMatching(/committed offset of connector c \(RUNNING\) has not passed .*bytes behind/),
    });
    await expect(proveFresh(deps({}, [deliver]), 0n)).resolves.toEqual(new Map([['session', 0n]]));
  });

  it('an offset of a snapshot is waited for', async () => {
    const snapshot = async () => {
      await deliver();
      offset = { ...offset, isSnapshot: true };
    };
    await expect(proveFresh(deps({}, [snapshot]), 0n)).rejects.toThrow(/snapshot of connector c is not complete/);
    await expect(proveFresh(deps({}, [change({ isSnapshot: false }), deliver]), 0n)).resolves.toBeDefined();
  });

  it('an offset that was changed meanwhile is not fresh, even if it then passes the position', async () => {
    await change({ lsn: 2n })();
    await expect(proveFresh(deps({}, [change({ lsn: 1n }), deliver]), 0n)).rejects.toThrow(
      /went back to 0\/1 from 0\/2/,
    );
    await expect(proveFresh(deps({}, [change({ lsn: 2n ** 60n })]), 0n)).rejects.toThrow(/past the end of the server/);
    await change({ lsn: 2n })();
    await expect(proveFresh(deps({}, [change({ state: 'STOPPED' }), deliver]), 0n)).rejects.toThrow(/c is STOPPED/);
  });

  describe('an offset that was changed between two processes', () => {
    const prove = () => proveFresh(deps({ recordsCapture: true }, [deliver]), 0n);

    it.each<[string, () => Promise<unknown>, RegExp]>([
      ['back', change({ lsn: 1n }), /went back to 0\/1 from /],
      ['to nothing', change({ lsn: undefined }), /was deleted/],
    ])('%s is not fresh until an audit, also after it has passed the position', async (_, changeOffset, reason) => {
      await deliver();
      await recordCaptureLook(deps({}));
      await expect(prove()).resolves.toBeDefined();
      await changeOffset();
      await recordCaptureLook(deps({ readOffset: () => Promise.reject(new Error('no answer')) }));
      await expect(prove()).rejects.toThrow(reason);
      await expect(prove()).rejects.toThrow(/changes may not have been captured .*run `lastseen audit --repair`/);
    });

    it('forward is not fresh if the connector was seen stopped before and after', async () => {
      await deliver();
      await change({ state: 'STOPPED', hasTasks: false })();
      await recordCaptureLook(deps({}));
      await deliver();
      await recordCaptureLook(deps({}));
      await change({ state: 'RUNNING', hasTasks: true })();
      await expect(prove()).rejects.toThrow(/was set to \S+ from \S+ while it was stopped/);
    });
  });

  it('waits for Kafka Connect to answer', async () => {
    const readOffset = () => Promise.reject(new Error('Kafka Connect does not answer (ECONNREFUSED)'));
    await expect(proveFresh(deps({ readOffset }), 0n)).rejects.toThrow(
      /committed offset of the connector is unknown: Kafka Connect does not answer/,
    );
  });
});

it('with FRESHNESS_PROOF=both, the slot is needed, too', async () => {
  await deliver();
  await expect(proveFresh(deps({ proof: 'both' }, [deliver]), 0n)).rejects.toThrow(/no logical replication slot none/);
});

it('the watch notices an offset that goes back between two positions, and proves later ones', async () => {
  let clock = 0n;
  const observe = watchFreshness(deps({ now: () => clock }));
  const provenAt = async () => (await observe())[0]?.provenAt;
  await observe();
  await deliver();
  expect(await provenAt()).toBe(0n);
  const { lsn } = offset;
  clock = 1n;
  await deliver();
  await change({ lsn: must(lsn, 'it was delivered') - 1n })();
  expect(await provenAt()).toBe(0n);
  await deliver();
  expect(await provenAt()).toBe(1n);
});
