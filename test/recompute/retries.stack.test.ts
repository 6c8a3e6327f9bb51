import { afterAll, beforeAll, expect, test } from 'vitest';
import { groupLag } from '../../src/kafka/admin/offsets.ts';
import type { RawRecord } from '../../src/kafka/client/records.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld({ env: { KAFKA_SESSION_TIMEOUT: '1500ms' } });
  await world.prepare();
  await sql(`
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at)
SELECT user_id, 0.5, 0.8, '2026-03-01Z' FROM unnest(ARRAY['anna', 'ben', 'cleo']) user_id`);
  await sql(`
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
SELECT md5(user_id)::uuid, user_id, '2026-03-08T05:00Z' FROM unnest(ARRAY['anna', 'ben', 'cleo']) user_id`);
  await sql(`
CREATE TABLE refused (user_id text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
  $$ BEGIN IF EXISTS (SELECT FROM refused r WHERE r.user_id = new.user_id) THEN RAISE 'no'; END IF; RETURN new; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON weekly_kpi FOR EACH ROW EXECUTE FUNCTION refuse()`);
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });
const topic = (name: 'RETRY' | 'DLQ') => recordsOf(world, world.env[`RECOMPUTE_${name}_TOPIC`] ?? '');
const header = ({ headers }: RawRecord, name: string) => String(headers?.[`lastseen.${name}`]);

/** One event for each of the three learners, as of that day of March. */
async function sweep(day: number): Promise<void> {
  const run = await world.lastseen('sweep', '--force', '--as-of', `2026-03-${day}T05:00:00Z`);
  expect(run, run.stderr).toMatchObject({ code: 0 });
}

/** Learners whose event of that day was answered. */
async function answered(day: number): Promise<unknown[]> {
  const { rows } = await sql(
    `SELECT user_id FROM lastseen.kpi_ledger WHERE as_of::date = '2026-03-${day}' ORDER BY user_id`,
  );
  return rows.map((row) => row['user_id']);
}

test('an event that fails is retried, becomes a dead letter, is redriven, and delays no other', {
  timeout: 360_000,
}, async () => {
  await step(
    'it is tried four times, across a restart, then becomes a dead letter, and is answered after a redrive',
    async () => {
      await sql(`INSERT INTO refused VALUES ('ben')`);
      await sweep(16);
      // Killed while the event waits for its second attempt, which the next process makes.
      const killed = world.start({ RECOMPUTE_RETRY_DELAY: '1500ms' }, 'recompute');
      const read = () => groupLag(world.kafka, world.groupOf('recompute'), [world.env['INACTIVITY_TOPIC'] ?? '']);
      await waitFor('all events read', async () => (await read()).every(({ records }) => records === 0n));
      killed.process.kill('SIGKILL');
      await killed.ended;
      const recompute = world.start({ RECOMPUTE_RETRY_DELAY: '300ms' }, 'recompute');
      await waitFor('a dead letter', async () => (await topic('DLQ')).length > 0);
      expect(await answered(16)).toEqual(['anna', 'cleo']);

      const retries = await topic('RETRY');
      expect(retries.map((record) => header(record, 'attempts'))).toEqual(['2', '3', '4']);
      const [letter] = await topic('DLQ');
      if (letter === undefined) throw new Error('no letter');
      expect(header(letter, 'attempts')).toBe('4');
      expect(header(letter, 'detail')).toContain('SQLSTATE P0001');
      const origins = [...retries, letter].map((record) =>
        ['topic', 'partition', 'offset', 'timestamp'].map((name) => header(record, `origin.${name}`)),
      );
      expect(new Set(origins.map(String)).size).toBe(1);
      expect(origins[0]?.[0]).toBe(world.env['INACTIVITY_TOPIC']);
      // Each was due after the one before it had failed.
      const due = retries.map((record) => Number(header(record, 'not-before')));
      expect(due.every((at, n) => at - (due[n - 1] ?? 0) >= 300)).toBe(true);

      await sql('TRUNCATE refused');
      const redrive = await world.lastseen('dlq', 'redrive', '--topic', 'recompute', '--json');
      expect(redrive.json(), redrive.stderr).toMatchObject({ redriven: 1, redriven_before: 0, rejected: 0 });
      await waitFor('an answer', async () => (await answered(16)).includes('ben'));
      recompute.process.kill('SIGTERM');
      expect(await recompute.ended).toMatchObject({ code: 0 });
      const again = await world.lastseen('dlq', 'redrive', '--json');
      expect(again.json()).toMatchObject({ redriven: 0, redriven_before: 1 });
    },
  );

  await step('a long retry delay delays neither other events nor the exit', async () => {
    await sql(`INSERT INTO refused VALUES ('anna')`);
    const env = { RECOMPUTE_RETRY_DELAY: '1h' };
    await sweep(18);
    const waiting = world.start(env, 'recompute');
    await waitFor('all other answers', async () => (await answered(18)).length === 2);
    await sweep(19);
    await waitFor('all other answers', async () => (await answered(19)).length === 2);
    waiting.process.kill('SIGTERM');
    expect(await waiting.ended).toMatchObject({ code: 0 });
    const bounded = await world.lastseenWith(env, 'recompute', '--until-end', '--json');
    expect(bounded.json(), bounded.stderr).toMatchObject({ waiting: 2 });
    expect([await answered(18), await answered(19)]).toEqual([
      ['ben', 'cleo'],
      ['ben', 'cleo'],
    ]);
  });
});
