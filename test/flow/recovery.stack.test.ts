import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { restartFromSnapshot } from '../../stack/connector.ts';
import { stopAndDropSlot } from '../support/dropped-slot.ts';
import { logLine } from '../support/machine-format.ts';
import { lossesAgainstSources } from '../support/source-comparison.ts';
import { recordsOf } from '../support/topic-records.ts';
import { createWorld, type World } from '../support/world.ts';

/** The first steps of docs/operations/backup-and-recovery.md, from the loss to the next sweep. */
let world: World;
let admin: Admin;
beforeAll(async () => {
  world = await createWorld();
  admin = world.kafka.admin();
  await Promise.all([world.prepare(), admin.connect()]);
  await seeSessions('silent', [1, 40], '2026-03-08 12:00Z');
  await seeSessions('active', [41, 60], '2026-03-15 12:00Z');
  await world.connect();
  await trackAll();
  await sweep();
});
afterAll(async () => {
  await admin.disconnect();
  await world.close();
});

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

const seeSessions = (name: string, [from, to]: readonly [number, number], at: string) =>
  sql(`
INSERT INTO session (id, user_id, started_at)
SELECT '${name}-' || n, 'user-' || n, timestamptz '${at}' + n * interval '1 second' FROM generate_series(${from}, ${to}) n`);

async function run(...args: string[]) {
  const ended = await world.lastseen(...args);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended;
}
const trackAll = async () => {
  await world.waitForDelivery();
  return (await run('track', '--until-end')).stderr;
};
const sweep = () => run('sweep', '--as-of', '2026-03-16T05:00:00Z');

const emitted = async () => {
  const events = await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '');
  return { events: events.length, ids: new Set(events.map(({ headers }) => String(headers?.['ce_id']))).size };
};

const forgetGroupOffsets = () => admin.deleteGroups([world.groupOf('track')]);

/** Own tables with what was decided and applied, and the only source table that this test writes. */
const RESTORED = [
  'session',
  ...['user_last_seen', 'track_progress', 'track_gap', 'episode', 'inactivity_outbox', 'sweep_run'].map(
    (table) => `lastseen.${table}`,
  ),
];

async function backUp() {
  await sql('CREATE SCHEMA backup');
  for (const table of RESTORED) await sql(`CREATE TABLE backup."${table}" AS TABLE ${table}`);
}

/** A restored database does not have the replication slot of the one before. */
async function restore() {
  await stopAndDropSlot(inject('stack'), world);
  for (const table of RESTORED) {
    const { rows } = await sql(`
SELECT string_agg(quote_ident(attname), ', ') AS columns FROM pg_attribute
WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`);
    const columns = String(rows[0]?.['columns']);
    await sql(`TRUNCATE ${table}`);
    await sql(`INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM backup."${table}"`);
  }
}

test('after a restore to an earlier point, track emits the same events with the same ids', async () => {
  await backUp();
  await seeSessions('after-backup', [1, 3], '2026-03-15 14:00Z');
  await trackAll();
  const before = await emitted();
  await restore();
  await seeSessions('after-restore', [4, 5], '2026-03-15 15:00Z');

  await restartFromSnapshot(inject('stack'), world.name);
  await forgetGroupOffsets();
  expect(await trackAll()).not.toMatch(logLine('records_lost'));
  // The activity of three learners is not in the restored tables any more, but their last seen keeps it.
  expect(await lossesAgainstSources(world.database)).toEqual({ learners: 60n, differing: 3n, lost: 0n });
  // The slot is another one: no sweep decides before everything is compared.
  await run('audit', '--repair');
  await sweep();
  const after = await emitted();
  // Three returns are emitted again with the same ids. The two learners who were seen after the restore have new ones.
  expect({ events: after.events - before.events, ids: after.ids - before.ids }).toEqual({ events: 5, ids: 2 });
});
