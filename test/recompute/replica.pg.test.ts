import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeadLetterWindow, type FailedRecord } from '../../src/dead-letters/dead-letter.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { createReplica } from '../../src/postgres/replica.ts';
import { createRecompute } from '../../src/recompute/pipeline.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import { OPTIONS } from '../kpi/compute-figures.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { clearPlatform, insertRows } from '../support/platform-rows.ts';
import { type Standby, startStandby } from '../support/standby.ts';
import { crossedEvent } from './crossed-event.ts';

let stack: RunningStack;
let primary: FreshDatabase;
let standby: Standby;
let source: Database;
beforeAll(async () => {
  stack = await startStack({ parts: ['postgres'] });
  primary = await freshDatabase(stack.addresses.databaseUrl);
  standby = await startStandby(primary.url);
  source = openDatabase({ url: standby.url, applicationName: 'test' });
}, 120_000);
afterAll(async () => {
  await source?.close();
  await standby?.stop();
  await primary?.close();
  await stack?.stop();
});

const event = crossedEvent('anna');

function recomputing(limits: { readonly maxWaitMs?: number; readonly quietMs?: number } = {}) {
  const failed: FailedRecord[] = [];
  const stages = createRecompute({
    source,
    database: primary.database,
    replica: { ...createReplica(primary.database, source), ...limits },
    options: OPTIONS,
    decode: () => event,
    deadLetters: { send: async () => {} },
    failedLearners: { send: async (letters) => void failed.push(...letters) },
    // Stops at the first counted failure.
    deadLetterLimit: createDeadLetterWindow(0),
  });
  const round = stages.open();
  const record = { key: null, value: Buffer.from('event'), timestamp: '0', offset: '0' };
  const collected = stages.collect(
    { topic: 'events', partition: 0, records: [record], fromOffset: 0n, nextOffset: 1n },
    round,
  );
  return { failed, apply: () => collected.then(() => stages.apply(round, [])) };
}

async function storedP(): Promise<unknown> {
  const { rows } = await primary.database.query<{ p: number }>({
    text: `SELECT (kpis -> 'P')::float8 AS p FROM weekly_kpi WHERE user_id = 'anna'`,
  });
  return rows[0]?.p;
}

describe('recompute with a replica that is behind', () => {
  beforeEach(async () => {
    await clearPlatform(primary.database);
    await source.query({ text: 'SELECT pg_wal_replay_pause()' });
    await insertRows(primary.database, 'ability_estimates', [
      { user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: '2026-03-01Z' },
    ]);
    return async () => {
      await source.query({ text: 'SELECT pg_wal_replay_resume()' });
    };
  });

  it('is named by doctor', async () => {
    const env = {
      DATABASE_URL: primary.url,
      SOURCE_DATABASE_URL: standby.url,
      KAFKA_BROKERS: '127.0.0.1:1',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
    };
    const replicaLine = async () => {
      const { stdout, stderr } = await runCli(env, ['doctor', '--json']);
      expect(stdout, stderr).not.toBe('');
      const { findings } = JSON.parse(stdout) as { findings: { check: string; status: string; message: string }[] };
      return findings.find(({ check }) => check === 'replica');
    };
    const behind = { status: 'warning', message: expect.stringMatching(/has not replayed .*replica_behind/) };
    expect(await replicaLine()).toMatchObject(behind);
    await source.query({ text: 'SELECT pg_wal_replay_resume()' });
    expect(await replicaLine()).toMatchObject({ status: 'ok', message: expect.stringContaining('has replayed') });
  }, 60_000);

  it('computes the figures only once the replica shows what the primary had committed', async () => {
    const { apply, failed } = recomputing();
    const resumed = new Promise((resolve) => setTimeout(resolve, 1_000)).then(async () => {
      expect(await storedP()).toBeUndefined();
      await source.query({ text: 'SELECT pg_wal_replay_resume()' });
    });
    await Promise.all([apply(), resumed]);
    expect(await storedP()).toBeCloseTo(0.734014470951, 12);
    expect(failed).toEqual([]);
  });

  it('reports an outage after a while, and waits for the same position when it is called again', async () => {
    const { apply } = recomputing({ quietMs: 0 });
    await expect(apply()).rejects.toMatchObject({ code: 'replica_behind', retriable: true });
    await expect(apply()).rejects.toMatchObject({ code: 'replica_behind', retriable: true });
    expect(await storedP()).toBeUndefined();
  });

  it('sends the events to the retry topic after the longest wait', async () => {
    const { apply, failed } = recomputing({ maxWaitMs: 300 });
    await apply();
    expect(failed).toMatchObject([{ topic: 'events', reason: 'replica_behind', step: 'recompute' }]);
    expect(await storedP()).toBeUndefined();
  });
});

it('recompute does not wait for a source database that is no replica', async () => {
  await clearPlatform(primary.database);
  const { hasReplayed } = createReplica(primary.database, primary.database);
  expect(await hasReplayed('FFFFFFFF/0' as never)).toBe(true);
});
