import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordsOf } from '../support/topic-records.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  const { rows } = await sql('SELECT current_database() AS name');
  const name = String(rows[0]?.['name']);
  await sql(`ALTER DATABASE "${name}" SET datestyle = 'German'`);
  await sql(`ALTER DATABASE "${name}" SET timezone = 'Asia/Seoul'`);
  await sql(`ALTER DATABASE "${name}" SET extra_float_digits = 0`);
  await sql('ALTER TABLE session ALTER user_id TYPE char(12)');
  await sql('ALTER TABLE session ADD COLUMN "größe" int DEFAULT 1');
  await sql('ALTER TABLE attempt ALTER student_id TYPE text');
  await world.prepare();
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

test('padded names, columns in other alphabets, escape sequences, ids as text and settings of the database change nothing', async () => {
  await sql(`
INSERT INTO session (id, user_id, started_at)
VALUES ('s-1', 'anna', '2026-03-06T01:02:03.123456Z'), ('s-2', E'\\x1b[31mred', '2026-03-06T01:02:03.123457Z')`);
  await sql(`INSERT INTO attempt (id, student_id, completed_at) VALUES (1, md5('anna')::uuid::text, '2026-03-05Z')`);
  await world.connect();
  await world.waitForDelivery();
  const tracked = await world.lastseen('track', '--until-end', '--json');
  expect(tracked, tracked.stderr).toMatchObject({ code: 0 });
  const audited = await world.lastseen('audit', '--json');
  expect(audited, audited.stderr).toMatchObject({ code: 0 });
  expect(audited.json()).toMatchObject({ status: 'clean', learners: 2 });
  const swept = await world.sweepApproved('--as-of', '2026-03-16T05:00:00Z');
  expect(swept.json(), swept.stderr).toMatchObject({ crossed: 2, published: 2 });
  expect(await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '')).toHaveLength(2);
  const explained = await world.lastseen('explain', 'anna', '--as-of', '2026-03-16T05:00:00Z');
  expect(explained.stdout, explained.stderr).toContain('2026-03-06T01:02:03.123456Z');
  const shown = await world.lastseen('explain', '\u001b[31mred', '--as-of', '2026-03-16T05:00:00Z');
  expect(shown.stdout, shown.stderr).toContain('\\u{1b}[31mred');
  expect(shown.stdout).not.toContain('\u001b[31mred');
}, 300_000);
