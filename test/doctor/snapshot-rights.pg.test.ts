import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { unreadByConnector } from '../../src/doctor/postgres-store.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { asRole } from '../../stack/roles.ts';
import { connectorSlot, streamSlot } from '../support/connector-slot.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

const role = `connector_${randomBytes(6).toString('hex')}`;
let db: FreshDatabase;
const sql = (text: string) => db.database.query({ text });

beforeAll(async () => {
  db = await freshDatabase();
  await sql(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD '${role}'; GRANT SELECT ON session TO ${role}`);
  await sql('CREATE PUBLICATION pub FOR TABLE session, attempt');
});
afterAll(async () => {
  await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await db.close();
});

test('an operator sees which tables the role of the connected connector may not read', async () => {
  const slot = connectorSlot(db.database, db.url);
  const operator = openDatabase({ url: asRole(db.url, 'operator'), applicationName: 'test' });
  const unread = (...tables: string[]) => unreadByConnector(operator, slot.name, tables);
  await slot.create();
  expect(await unread('public.attempt')).toBeUndefined();
  const url = Object.assign(new URL(db.url), { username: role, password: role }).href;
  const endStreaming = await streamSlot(url, slot.name, 'pub');
  try {
    await vi.waitUntil(async () => (await unread('public.attempt')) !== undefined, { timeout: 10_000 });
    expect(await unread('public.session', 'public.exam_results', 'public.attempt', 'public.gone')).toEqual({
      role,
      tables: ['public.attempt', 'public.exam_results'],
    });
    expect(await unread('public.session')).toBeUndefined();
  } finally {
    await endStreaming();
    await operator.close();
    await vi.waitUntil(
      () =>
        slot.drop().then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    );
  }
});
