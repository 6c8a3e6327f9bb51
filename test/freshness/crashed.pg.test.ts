import { afterAll, beforeAll, expect, it } from 'vitest';
import { breakOf } from '../../src/freshness/capture-evidence.ts';
import { readCaptureEvidence } from '../../src/freshness/capture-evidence-store.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { type RunningStack, startStack } from '../../stack/stack.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

/** A server that crashes cannot be shared. */
let stack: RunningStack;
let db: FreshDatabase;
beforeAll(async () => {
  stack = await startStack({ parts: ['postgres'] });
  db = await freshDatabase(stack.addresses.databaseUrl);
  await sql('CREATE PUBLICATION pub FOR TABLE session');
  await createSlot();
}, 120_000);
afterAll(async () => {
  await db?.close();
  await stack?.stop();
});

/** On a connection of its own: a crash ends those of the pool. */
async function sql(text: string): Promise<void> {
  const own = openDatabase({ url: db.url, applicationName: 'test', maxConnections: 1 });
  await own.query({ text }).finally(() => own.close());
}
const createSlot = () => sql(`SELECT pg_create_logical_replication_slot('crashed', 'pgoutput')`);

/** As the connector does on a busy server: it confirms changes until the slot starts after them. */
async function stream(): Promise<void> {
  for (let n = 0; n < 3; n++) {
    await sql(`INSERT INTO session (id, user_id) VALUES (gen_random_uuid()::text, 'u')`);
    await sql('CHECKPOINT');
    await sql(
      `SELECT count(*) FROM pg_logical_slot_get_binary_changes('crashed', NULL, NULL, 'proto_version', '1', 'publication_names', 'pub')`,
    );
  }
}

async function look() {
  const own = openDatabase({ url: db.url, applicationName: 'test', maxConnections: 1 });
  const names = { slot: 'crashed', publication: 'pub', sources: ['session'] as const };
  const seen = await readCaptureEvidence(own, names).finally(() => own.close());
  return { ...seen, offset: null };
}

it('a crash is no break, also if the slot then passes what it had confirmed before the next look', async () => {
  for (let n = 0; n < 3; n++) await stream();
  const before = await look();
  await stack.killPart('postgres');
  await stack.startPart('postgres');
  await stream();
  const after = await look();
  const [was, is] = [must(before.slot, 'there is a slot'), must(after.slot, 'there is a slot')];
  // Nothing of the slot itself shows that it is the same.
  expect(is.totalTxns).toBeLessThan(was.totalTxns);
  expect(is.restartLsn).toBeGreaterThanOrEqual(must(was.confirmedFlushLsn, 'the slot has confirmed'));
  expect(breakOf(before, after)).toEqual([]);

  await sql(`SELECT pg_drop_replication_slot('crashed')`);
  await createSlot();
  expect(breakOf(after, await look())).toEqual(['replication slot crashed was created again']);
});
